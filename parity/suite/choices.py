"""Every recurrent configuration that the suite checks, made by rule from a few axes."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.specs import (
    Bidirectional,
    Input,
    LayerSpec,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
)
from parity.suite.layer_cases import BATCH, MASKS, LayerCase

# Sizes are distinct primes, so that no shape agrees by chance.
INPUT_SIZE, HIDDEN_SIZE, OTHER_SIZE = 3, 5, 11

Direction = Recurrent | RecurrentStack
Build = Callable[[Mapping[str, Any], Mapping[str, Any]], LayerSpec]

CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "rnn relu": {"cell": "rnn", "activation": "relu"},
    "rnn no bias": {"cell": "rnn", "use_bias": False},
    "lstm": {"cell": "lstm"},
    "lstm no bias": {"cell": "lstm", "use_bias": False},
    "lstm hard_sigmoid": {
        "cell": "lstm",
        "activation": "softsign",
        "recurrent_activation": "hard_sigmoid",
    },
    "gru": {"cell": "gru"},
    "gru no bias": {"cell": "gru", "use_bias": False},
    "gru hard_sigmoid": {"cell": "gru", "recurrent_activation": "hard_sigmoid"},
    "gru reset before": {"cell": "gru", "reset_after": False},
    "gru reset before, no bias": {"cell": "gru", "reset_after": False, "use_bias": False},
}
"""Settings of `Recurrent` by name."""

OTHER_CELL = {"rnn": "gru", "lstm": "rnn", "gru": "lstm"}
SEQUENCE_FIELDS = ("return_sequences", "return_state", "stateful", "zero_output_for_mask")


def _layer(cell: Mapping[str, Any], shared: Mapping[str, Any], **fields: Any) -> Recurrent:
    return Recurrent(**{"hidden_size": HIDDEN_SIZE, **cell, **shared, **fields})


def _stack(cell: Mapping[str, Any], shared: Mapping[str, Any], **fields: Any) -> RecurrentStack:
    """The cell, and another one of another size on it."""
    rates = {name: shared[name] for name in ("dropout", "recurrent_dropout")}
    above = {"cell": OTHER_CELL[cell["cell"]], "hidden_size": OTHER_SIZE, **rates}
    below = Recurrent(**{"hidden_size": HIDDEN_SIZE, **cell, **rates})
    settings = {name: shared[name] for name in SEQUENCE_FIELDS}
    return RecurrentStack(cells=(below, Recurrent(**above)), **settings, **fields)


def _merged(mode: str | None) -> Build:
    return lambda cell, shared: Bidirectional(forward=_layer(cell, shared), merge_mode=mode)  # type: ignore[arg-type]


def _custom_backward(cell: Mapping[str, Any], shared: Mapping[str, Any]) -> LayerSpec:
    backward = {"go_backwards": True, "hidden_size": OTHER_SIZE, "activation": "sigmoid"}
    return Bidirectional(
        forward=_layer(cell, shared), backward=_layer({**cell, **backward}, shared)
    )


def _other_backward(cell: Mapping[str, Any], shared: Mapping[str, Any]) -> LayerSpec:
    other = {"cell": OTHER_CELL[cell["cell"]], "go_backwards": True}
    return Bidirectional(forward=_layer(cell, shared), backward=_layer(other, shared))


def _turned(cell: Mapping[str, Any], shared: Mapping[str, Any]) -> LayerSpec:
    return Bidirectional(
        forward=_layer(cell, shared, go_backwards=True), backward=_layer(cell, shared)
    )


ARRANGEMENTS: dict[str, Build] = {
    "forward": _layer,
    "backwards": lambda cell, shared: _layer(cell, shared, go_backwards=True),
    "concat": _merged("concat"),
    "sum": _merged("sum"),
    "mul": _merged("mul"),
    "ave": _merged("ave"),
    "unmerged": _merged(None),
    "custom backward layer": _custom_backward,
    "another cell backwards": _other_backward,
    "first direction backwards": _turned,
    "stack": _stack,
    "stack backwards": lambda cell, shared: _stack(cell, shared, go_backwards=True),
    "bidirectional stack": lambda cell, shared: Bidirectional(forward=_stack(cell, shared)),
}
OUTPUTS: dict[str, dict[str, bool]] = {
    "last": {},
    "last, states": {"return_state": True},
    "sequences": {"return_sequences": True},
    "sequences, states": {"return_sequences": True, "return_state": True},
}
STARTS = ("zeros", "initial states", "stateful")
DROPOUTS: dict[str, dict[str, float]] = {
    "inference": {"dropout": 0.25, "recurrent_dropout": 0.25},
    "training": {"dropout": 0.0, "recurrent_dropout": 0.0},
    "dropout": {"dropout": 0.25, "recurrent_dropout": 0.0},
    "recurrent dropout": {"dropout": 0.0, "recurrent_dropout": 0.25},
    "both dropouts": {"dropout": 0.25, "recurrent_dropout": 0.5},
}
"""All but the first run as in training."""


EVERY_KIND = "every kind"
"""The mask whose rows are those of all of `MASKS`."""

MASK_ROWS = {
    **MASKS,
    EVERY_KIND: tuple(dict.fromkeys(row for rows in MASKS.values() for row in rows)),
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One value on every axis; the defaults are where the quick grid starts from."""

    cell: str
    arrangement: str = "concat"
    outputs: str = "sequences, states"
    mask: str | None = "right"
    start: str = "zeros"
    dropout: str = "inference"
    zero_output_for_mask: bool = False
    activations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Every choice in words."""
        parts = [self.cell, self.arrangement, self.outputs, f"mask: {self.mask or 'none'}"]
        parts += [f"{kind} {name}" for kind, name in self.activations.items()]
        parts += [self.start, self.dropout]
        return ", ".join(parts + ["zero output for mask"] * self.zero_output_for_mask)

    def build(self, **settings: Any) -> LayerCase:
        """The case; ``settings`` are other fields of `LayerCase`."""
        shared = {
            "stateful": self.start == "stateful",
            "zero_output_for_mask": self.zero_output_for_mask,
            "return_sequences": False,
            "return_state": False,
            **OUTPUTS[self.outputs],
            **DROPOUTS[self.dropout],
        }
        cell = {**CELLS[self.cell], **self.activations}
        layer = ARRANGEMENTS[self.arrangement](cell, shared)
        nodes = [Node(name="features", layer=Input(shape=(None, INPUT_SIZE)))]
        inputs = ["features"]
        if self.start == "initial states":
            assert isinstance(layer, Direction | Bidirectional)
            for index, size in enumerate(layer.state_sizes):
                nodes.append(Node(name=f"state_{index}", layer=Input(shape=(size,))))
                inputs.append(f"state_{index}")
        nodes.append(Node(name="recurrent", layer=layer, inputs=tuple(inputs)))
        rows = None if self.mask is None else MASK_ROWS[self.mask]
        return LayerCase(
            name=self.name,
            spec=ModelSpec(tuple(nodes)),
            mask=rows,
            batch=BATCH if rows is None else len(rows),
            training=self.dropout != "inference",
            batches=2 if self.start == "stateful" else 1,
            **settings,
        )


def quick_choices() -> Iterator[Choice]:
    """One axis at a time, for each of the three cells; then each other setting of a cell once."""
    for cell in ("rnn", "lstm", "gru"):
        start = Choice(cell=cell)
        yield start
        for axis, values in AXES.items():
            for value in values:
                yield replace(start, **{axis: value})
    for cell in CELLS:
        yield Choice(cell=cell, start="initial states")
        yield Choice(cell=cell, mask="interior", dropout="both dropouts")
    for cell in ("rnn", "lstm", "gru", "gru reset before"):
        one = Choice(cell=cell, arrangement="backwards", mask="left", zero_output_for_mask=True)
        yield from (one, replace(one, outputs="last"))
    for cell in ("rnn", "lstm", "gru"):
        # Keras cannot run two stateful directions that return their states (defect B3).
        yield Choice(cell=cell, start="stateful", outputs="sequences")
        yield Choice(cell=cell, start="stateful", arrangement="forward")
        yield Choice(cell=cell, start="initial states", arrangement="forward", mask="left")
        yield Choice(cell=cell, start="initial states", outputs="last", mask="empty row")
    for name in ("gelu", "leaky_relu"):  # of these torch has another one too
        yield Choice(cell="rnn", activations={"activation": name})


AXES: dict[str, tuple[Any, ...]] = {
    "arrangement": tuple(ARRANGEMENTS),
    "outputs": tuple(OUTPUTS),
    "mask": (None, *MASKS),
    "start": STARTS,
    "dropout": tuple(DROPOUTS),
}


def full_choices() -> Iterator[Choice]:
    """Every cell, arrangement, output and start, with and without a mask.

    The dropouts and the flag for masked outputs are spread evenly over them.
    """
    rest = list(product(DROPOUTS, (False, True)))
    for cell, arrangement, outputs, start, mask in product(
        CELLS, ARRANGEMENTS, OUTPUTS, STARTS, (EVERY_KIND, None)
    ):
        choice = Choice(cell=cell, arrangement=arrangement, outputs=outputs, start=start, mask=mask)
        dropout, zero = rest[zlib.crc32(choice.name.encode()) % len(rest)]
        yield replace(choice, dropout=dropout, zero_output_for_mask=zero)


def activation_choices() -> Iterator[Choice]:
    """Every activation as activation of each cell, and of the gates where there are any."""
    for name in ACTIVATIONS:
        for cell in ("rnn", "lstm", "gru", "gru reset before"):
            kinds = ("activation",) if cell == "rnn" else ("activation", "recurrent_activation")
            for kind in kinds:
                yield Choice(cell=cell, activations={kind: name}, mask="interior")
