"""Layers set so that their output is the random factor itself, or the noise, and nothing else.

A cell without nonlinearity whose kernel of one gate is the identity, and whose other gates are held
at a constant by their biases, gives that gate's input out. So its dropout can be counted from
outside, in either framework.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from birnn_lightning.nn import specs
from birnn_lightning.nn.cells import KERAS_GATES
from birnn_lightning.nn.specs import LayerSpec, ModelSpec, Node

BATCH, TIME, SIZE = 211, 3, 97
RATE, RECURRENT_RATE = 0.3, 0.23

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """A layer in training.

    Attributes:
        name: of the case.
        spec: a model of this one layer, node ``"layer"``.
        arrays: an array an input node.
        weights: Keras's arrays by path.
        rate: with which an element of the output is zero.
        drawn: the axes along which elements are drawn apart; along the others they are the same.
    """

    name: str
    spec: ModelSpec
    arrays: tuple[Array, ...]
    weights: dict[str, Array]
    rate: float = RATE
    drawn: tuple[int, ...] = (0, 1, 2)


def ones(*shape: int) -> Array:
    return np.ones(shape, "float32")


def of_layer(name: str, layer: LayerSpec, drawn: tuple[int, ...] = (0, 1, 2)) -> Case:
    features = Node(name="features", layer=specs.Input(shape=(TIME, SIZE)))
    spec = ModelSpec((features, Node(name="layer", layer=layer)))
    return Case(name, spec, (ones(BATCH, TIME, SIZE),), {}, drawn=drawn)


HELD = {
    "rnn": {"h": {}},
    "lstm": {"i": {"g": 1, "o": 1}, "f": {"o": 1}, "g": {"i": 1, "o": 1}, "o": {"i": 1, "g": 1}},
    "gru": {"z": {}, "r": {}, "n": {"r": 1}},
}
"""By cell and gate, the constants of the other gates with which the output is that gate's value.

LSTM: ``c = f c₀ + i g``, ``h = o c`` with ``c₀ = 1`` for f alone. GRU: ``h = z h₀ + (1 - z) n``
with ``n = x + r (h₀ U + b)``, where ``b = 1`` for r alone.
"""


def of_cell(cell: specs.CellName, gate: str, recurrent: bool) -> Case:
    """One gate's dropout of the inputs, or of the hidden state."""
    gated: dict[str, Any] = {} if cell == "rnn" else {"recurrent_activation": "linear"}
    layer = specs.Recurrent(
        cell=cell,
        hidden_size=SIZE,
        activation="linear",
        **gated,
        dropout=RATE,
        recurrent_dropout=RECURRENT_RATE,
        return_sequences=True,
    )
    gates = KERAS_GATES[cell]
    kernel = np.concatenate([np.eye(SIZE) * (one == gate) for one in gates], axis=1)
    bias = np.concatenate([np.full(SIZE, HELD[cell][gate].get(one, 0)) for one in gates])
    weights = {
        "layer/cell/kernel": np.zeros_like(kernel) if recurrent else kernel,
        "layer/cell/recurrent_kernel": kernel if recurrent else np.zeros_like(kernel),
        "layer/cell/bias": bias,
    }
    if cell == "gru":
        inner = np.concatenate([np.full(SIZE, one == "n" and gate == "r") for one in gates])
        weights["layer/cell/bias"] = np.stack([bias, inner])
    states = {"h": recurrent or gate == "z", "c": gate == "f"}
    names = specs.STATES[cell]
    nodes = [
        Node(name="features", layer=specs.Input(shape=(None, SIZE))),
        *(Node(name=name, layer=specs.Input(shape=(SIZE,))) for name in names),
        Node(name="layer", layer=layer, inputs=("features", *names)),
    ]
    return Case(
        f"{cell}, gate {gate}, {'recurrent' if recurrent else 'inputs'}",
        ModelSpec(tuple(nodes)),
        (ones(BATCH, 1, SIZE), *(states[name] * ones(BATCH, SIZE) for name in names)),
        {path: array.astype("float32") for path, array in weights.items()},
        rate=RECURRENT_RATE if recurrent else RATE,
    )


CASES = [
    of_layer("Dropout", specs.Dropout(rate=RATE)),
    of_layer(
        "Dropout of whole steps", specs.Dropout(rate=RATE, noise_shape=(None, None, 1)), (0, 1)
    ),
    of_layer("SpatialDropout1D", specs.SpatialDropout1D(rate=RATE), (0, 2)),
    *(
        of_cell(cell, gate, recurrent)
        for cell in specs.CELL_NAMES
        for gate in HELD[cell]
        for recurrent in (False, True)
    ),
]
GAUSSIAN = {
    "GaussianNoise": (specs.GaussianNoise(stddev=0.7), 0.7),
    "GaussianDropout": (specs.GaussianDropout(rate=RATE), (RATE / (1 - RATE)) ** 0.5),
}
"""Layers that make ones normal with mean 1, and the standard deviation that Keras documents."""
