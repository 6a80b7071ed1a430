"""A functional model of any version: layers, their calls, inputs and outputs."""

from collections.abc import Mapping
from typing import Any

from parity.keras_config.legacy.calls import (
    Call,
    History,
    mapped,
    normalized_calls,
    tensor,
    tensors,
)
from parity.keras_config.legacy.calls import history as history_of
from parity.keras_config.legacy.checks import is_reference, malformed, mapping, text
from parity.keras_config.legacy.layers import RECURRENT, Config, Submodel, normalized_layer
from parity.keras_config.legacy.operations import FUNCTION_LAYERS, operation_layer
from parity.keras_config.legacy.training import without_training
from parity.keras_config.legacy.written import Written

MODELS = ("Functional", "Sequential")
TAKE_STATES = (*RECURRENT, "Bidirectional")
SAY_NOTHING: dict[str, tuple[Any, ...]] = {
    "mask": (None,),
    "initial_state": (None,),
    "constants": (None,),
    "training": (None, False),
}
"""Arguments of a call, and the values that mean their absence."""


def functional(config: Config, written: Written, submodel: Submodel) -> Config:
    """The config of a functional model as today's Keras writes it.

    Args:
        config: the model's config, ``layers`` among it.
        written: what wrote the file.
        submodel: normalises a model inside the model.

    Raises:
        ParityUnavailable: references to layers or calls that there are not.
    """
    layers: dict[str, Config] = {}
    calls: dict[str, list[Call]] = {}
    for position, entry in enumerate(config["layers"]):
        name, layer, its_calls = _layer(mapping(entry, "a layer"), position, written, submodel)
        if name in layers:
            raise malformed("the name of a layer", name, "another than that of every other layer")
        layers[name], calls[name] = layer, its_calls
    ends = {key: _ends(config.get(key), key) for key in ("input_layers", "output_layers")}
    _renumber(layers, calls, ends, written)
    _check_references(layers, calls, ends)
    name = config.get("name")
    return {
        "name": name if isinstance(name, str) else "functional",
        "trainable": True,
        "layers": [
            {**layer, "name": name, "inbound_nodes": calls[name]} for name, layer in layers.items()
        ],
        **{key: _written_ends(value, layers) for key, value in ends.items()},
    }


def _layer(
    entry: Config, position: int, written: Written, submodel: Submodel
) -> tuple[str, Config, list[Call]]:
    settings = entry.get("config")
    own = settings.get("name") if isinstance(settings, Mapping) else None
    name = text(entry.get("name") or own, f"the name of layer number {position}")
    what = f"layer {name!r}"
    calls = normalized_calls(entry.get("inbound_nodes", []), what)
    if entry.get("class_name") in FUNCTION_LAYERS:
        function = {key: value for key, value in entry.items() if key in ("class_name", "config")}
        function |= {"module": entry.get("module"), "registered_name": None}
        layer, calls = operation_layer(function, calls)
    else:
        layer = normalized_layer(entry, written, submodel, what)
    layer["config"]["name"] = name
    return name, layer, [_call(call, layer, what, written) for call in calls]


def _call(call: Call, layer: Config, what: str, written: Written) -> Call:
    """A call without arguments that say nothing, initial states by name."""
    args, kwargs = list(call["args"]), dict(call["kwargs"])
    if written.major < 3 and layer["class_name"] in TAKE_STATES and isinstance(args[0], list):
        args, states = [args[0][0]], args[0][1:]
        if states:
            kwargs["initial_state"] = states
    kwargs = {
        name: value
        for name, value in kwargs.items()
        if not any(value is one for one in SAY_NOTHING.get(name, ()))
    }
    return {"args": args, "kwargs": without_training(kwargs, layer, what, written)}


def _ends(value: Any, key: str) -> Any:
    """Inputs or outputs as a nest of tensors."""
    if is_reference(value):
        return tensor(*value[:3])
    if isinstance(value, Mapping):
        return {name: _ends(part, key) for name, part in value.items()}
    if isinstance(value, list | tuple) and value:
        return [_ends(part, key) for part in value]
    raise malformed(f"{key} of a model", value, "a list of [layer, call, output]")


def _written_ends(value: Any, layers: Mapping[str, Config]) -> Any:
    """Inputs or outputs as Keras 3 writes them.

    One alone is no list, and the calls of a functional model, which has one of its own, are counted
    from 1.
    """
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0]

    def written(value: Any) -> Any:
        if isinstance(value, list):
            return [written(part) for part in value]
        if "class_name" not in value:
            return {name: written(part) for name, part in value.items()}
        name, call, output = history_of(value)
        return [name, call + (layers[name]["class_name"] == "Functional"), output]

    return written(value)


def _renumber(
    layers: Mapping[str, Config],
    calls: dict[str, list[Call]],
    ends: dict[str, Any],
    written: Written,
) -> None:
    """Counts the calls of models inside from 0, in place; Keras 2 began with 1 for some of them.

    Keras 3 counts from 0 between layers, and from 1 in its list of outputs.
    """
    inner = [histories for its in calls.values() for histories in tensors(its)]
    outer = list(tensors(list(ends.values())))
    first_inner, first_outer = {}, {}
    for name, layer in layers.items():
        if layer["class_name"] in MODELS:
            modern = written.major == 3
            first_inner[name] = _first(name, len(calls[name]), inner if modern else inner + outer)
            if modern and layer["class_name"] == "Functional":
                first_outer[name] = 1
            else:
                first_outer[name] = first_inner[name]

    def counted_from(first: Mapping[str, int]) -> Any:
        def change(value: Config) -> Config:
            name, call, output = history_of(value)
            if not first.get(name):
                return value
            settings = {**value["config"], "keras_history": [name, call - first[name], output]}
            return {**value, "config": settings}

        return change

    for name, its_calls in calls.items():
        calls[name] = mapped(its_calls, counted_from(first_inner))
    for key, value in ends.items():
        ends[key] = mapped(value, counted_from(first_outer))


def _first(name: str, count: int, histories: list[History]) -> int:
    """The number of the first of a model's calls."""
    return int(any(layer == name and call >= count for layer, call, _ in histories))


def _check_references(
    layers: Mapping[str, Config], calls: Mapping[str, list[Call]], ends: Mapping[str, Any]
) -> None:
    for name, call, output in tensors([list(calls.values()), list(ends.values())]):
        made = len(calls.get(name, ()))
        if layers.get(name, {}).get("class_name") == "InputLayer":
            made = 1
        if not 0 <= call < made or output < 0:
            raise malformed("a reference", [name, call, output], "to a layer's call that there is")
