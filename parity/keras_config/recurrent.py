"""The recurrent layers: one class of Keras a cell, stacks of cells, and two directions."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import Bidirectional, LayerSpec, Recurrent, RecurrentStack
from parity.keras_config.entry import KerasLayer, check_settings, kept_settings, serialized
from parity.keras_config.penalties import read_penalty
from parity.layout import KERAS_CLASSES
from parity.results import ParityUnavailable

OneDirection: TypeAlias = Recurrent | RecurrentStack
Config: TypeAlias = Mapping[str, Any]

SEQUENCE_FIELDS = (
    "return_sequences",
    "return_state",
    "stateful",
    "go_backwards",
    "zero_output_for_mask",
)
"""What a layer does with sequences and states; Keras's names are ours."""
ACTIVITY = "activity_regularizer"
GATED = {"recurrent_activation": "recurrent_activation"}
OWN_FIELDS: dict[str, dict[str, str]] = {
    "rnn": {},
    "lstm": {**GATED, "unit_forget_bias": "unit_forget_bias"},
    "gru": {**GATED, "reset_after": "reset_after"},
}
SAME_NAMES = (
    "activation",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
)


def _cell_entry(
    cell: str, name: str, sequence_fields: Sequence[str], unread: frozenset[str]
) -> KerasLayer:
    return KerasLayer(
        name=name,
        spec=Recurrent,
        fields={
            "hidden_size": "units",
            **{one: one for one in (*SAME_NAMES, *sequence_fields)},
            **OWN_FIELDS[cell],
        },
        constants={"cell": cell},
        required={"time_major": (False,)},
        unread=unread,
    )


# SimpleRNN takes an activity_regularizer and forgets it; a cell's would be called step by step.
LAYERS = {
    cell: _cell_entry(cell, name, SEQUENCE_FIELDS, frozenset({ACTIVITY} if cell == "rnn" else ()))
    for cell, name in KERAS_CLASSES.items()
}
CELLS = {
    cell: _cell_entry(cell, f"{name}Cell", (), frozenset({ACTIVITY}))
    for cell, name in KERAS_CLASSES.items()
}
ENTRIES = {entry.name: entry for entry in (*LAYERS.values(), *CELLS.values())}
ONE_DIRECTION = (*KERAS_CLASSES.values(), "RNN")
RECURRENT_CLASSES = (*ONE_DIRECTION, "Bidirectional")


def recurrent_layer(spec: LayerSpec) -> tuple[str, dict[str, Any]]:
    """The Keras class name and settings of a recurrent spec."""
    if isinstance(spec, Recurrent) and not (spec.cell == "rnn" and spec.activity_regularizer):
        entry = LAYERS[spec.cell]
        return entry.name, entry.to_config(spec)
    if isinstance(spec, OneDirection):
        cells = [
            serialized(CELLS[one.cell].name, CELLS[one.cell].to_config(one)) for one in spec.cells
        ]
        stacked = isinstance(spec, RecurrentStack)
        cell = serialized("StackedRNNCells", {"cells": cells}) if stacked else cells[0]
        settings = {name: getattr(spec, name) for name in SEQUENCE_FIELDS}
        return "RNN", {"cell": cell, **settings, **kept_settings(spec, (ACTIVITY,))}
    assert isinstance(spec, Bidirectional)
    forward, backward = (serialized(*recurrent_layer(one)) for one in spec.directions)
    return "Bidirectional", {
        "layer": forward,
        "backward_layer": backward,
        "merge_mode": spec.merge_mode,
        **kept_settings(spec, (ACTIVITY,)),
    }


def recurrent_spec(class_name: str, config: Config) -> OneDirection | Bidirectional:
    """The spec of a Keras layer of a class in `RECURRENT_CLASSES`.

    Raises:
        ParityUnavailable: a setting that is not supported; the message names it.
        ValueError: settings that do not go together.
    """
    if class_name == "Bidirectional":
        return _bidirectional(config)
    return _stack(config) if class_name == "RNN" else _recurrent(ENTRIES[class_name], config)


def _recurrent(entry: KerasLayer, config: Config) -> Recurrent:
    """One cell; Keras's other implementation draws other dropout masks, where it runs at all."""
    if config.get("implementation") == 1 and config.get("dropout"):
        raise ParityUnavailable(
            f"{entry.name} layer {config.get('name')!r}: implementation=1 with "
            f"dropout={config['dropout']!r} is not supported: Keras 3 cannot train it. Use "
            "implementation=2, which computes the same without dropout."
        )
    spec = entry.from_config(config)
    assert isinstance(spec, Recurrent)
    return spec


def _stack(config: Config) -> OneDirection:
    """`keras.layers.RNN` around one cell or several; around one it is that cell's own layer."""
    check_settings("RNN", config, (*SEQUENCE_FIELDS, ACTIVITY, "cell"), {"time_major": (False,)})
    settings = {name: config[name] for name in SEQUENCE_FIELDS if name in config}
    settings[ACTIVITY] = _activity("RNN", config)
    cell = config["cell"]
    if cell["class_name"] != "StackedRNNCells":
        (one,) = _cells([cell], config)
        values = {field.name: getattr(one, field.name) for field in fields(one)}
        return Recurrent(**{**values, **settings})
    check_settings("StackedRNNCells", cell["config"], ("cells",))
    return RecurrentStack(cells=tuple(_cells(cell["config"]["cells"], config)), **settings)


def _cells(serialized_cells: Sequence[Config], config: Config) -> list[Recurrent]:
    supported = [entry.name for entry in CELLS.values()]
    for cell in serialized_cells:
        if cell["class_name"] not in supported or cell.get("registered_name"):
            raise ParityUnavailable(
                f"RNN layer {config.get('name')!r}: a cell of class {cell['class_name']} is not "
                f"supported. Supported: {', '.join(supported)}."
            )
    return [_recurrent(ENTRIES[cell["class_name"]], cell["config"]) for cell in serialized_cells]


def _bidirectional(config: Config) -> Bidirectional:
    """The two directions as Keras runs them, whatever their own ``zero_output_for_mask`` says."""
    known = ("layer", "backward_layer", "merge_mode", ACTIVITY)
    check_settings("Bidirectional", config, known)
    forward = _direction(config["layer"], config)
    other = config.get("backward_layer")
    return specs.Bidirectional(
        forward=forward,
        backward=_direction(other, config) if other else None,
        merge_mode=config.get("merge_mode", "concat"),
        activity_regularizer=_activity("Bidirectional", config),
    )


def _activity(class_name: str, config: Config) -> Any:
    return read_penalty(config, ACTIVITY, class_name) if ACTIVITY in config else None


def _direction(part: Config, config: Config) -> OneDirection:
    if part["class_name"] not in ONE_DIRECTION:
        raise ParityUnavailable(
            f"Bidirectional layer {config.get('name')!r}: a {part['class_name']} inside is not "
            f"supported. Supported: {', '.join(ONE_DIRECTION)}."
        )
    spec = recurrent_spec(part["class_name"], part["config"])
    assert not isinstance(spec, Bidirectional)
    return spec
