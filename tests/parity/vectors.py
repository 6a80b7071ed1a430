"""Arrays that others published as right, as a spec, Keras's weights, inputs and what must come out.

The arrays are no part of the project: ``BIRNN_DATA`` names the folder above ``vectors``.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from birnn_lightning.nn.specs import (
    Bidirectional,
    CellName,
    LayerSpec,
    Recurrent,
    TimeDistributed,
)
from parity.keras_config.table import layer_spec
from tests.parity.recurrent_samples import Array, shapes

FOLDER = Path(os.environ.get("BIRNN_DATA", "")) / "vectors"
HERE = "BIRNN_DATA" in os.environ and FOLDER.is_dir()
WHY_NOT = "BIRNN_DATA is not set, or holds no vectors: the published arrays are not here"


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One computation with a published result.

    Attributes:
        spec: the layer.
        weights: by Keras's path in the layer.
        inputs: ``(batch, time, feature)``.
        mask: ``(batch, time)`` bool, or None.
        states: initial states; empty for zeros.
        calls: how often the layer is called on the inputs; the last call counts.
        expected: by the index of what the layer returns: outputs, then final states.
    """

    spec: LayerSpec
    weights: Mapping[str, Array]
    inputs: Array
    mask: Array | None = None
    states: tuple[Array, ...] = ()
    calls: int = 1
    expected: Mapping[int, Array] = field(default_factory=dict)


def entries(name: str) -> dict[str, dict[str, Any]]:
    """The descriptions in a file by test name; empty where the arrays are not here."""
    return json.loads((FOLDER / f"{name}.json").read_text())["tests"] if HERE else {}


def arrays(name: str, test: str) -> dict[str, Array]:
    """A test's arrays by their own name."""
    with np.load(FOLDER / f"{name}.npz") as file:
        prefix = f"{test}/"
        return {key.removeprefix(prefix): file[key] for key in file.files if key.startswith(prefix)}


def keras_vector(entry: Mapping[str, Any], found: Mapping[str, Array]) -> Vector:
    """What a test of Keras's own asserts; its weights are in the order of ``get_weights()``."""
    config = entry["config"]
    spec = layer_spec(config["class_name"], config["config"])
    values = [found[f"w{index}"] for index in range(sum(key[0] == "w" for key in found))]
    inner = isinstance(spec, TimeDistributed)
    paths = ["layer/kernel"] if inner else list(shapes(spec))  # type: ignore[arg-type]
    first = spec.forward if isinstance(spec, Bidirectional) else spec
    given = sorted(key for key in found if key.startswith("kw_initial_state"))
    return Vector(
        spec=spec,
        weights=dict(zip(paths, values, strict=True)),
        inputs=found["x"],
        mask=found.get("kw_mask"),
        states=tuple(found[key] for key in given),
        # Each of Keras's stateful results is the second call's after a reset.
        calls=2 if getattr(first, "stateful", False) else 1,
        expected={entry["output_index"]: found["expected"]},
    )


ONNX_CELLS: dict[str, CellName] = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn"}
ONNX_GATES = {"lstm": "iofg", "gru": "zrn", "rnn": "h"}
KERAS_GATES = {"lstm": "ifgo", "gru": "zrn", "rnn": "h"}
ONNX_STATES = ("Y_h", "Y_c")


def onnx_vector(entry: Mapping[str, Any], found: Mapping[str, Array]) -> Vector:
    """What an ONNX node computes, as the layer that returns both sequences and every state.

    Raises:
        ValueError: the node has an input that no layer of ours has.
    """
    unknown = sorted(entry["inputs"].keys() - {"X", "W", "R", "B"})
    if unknown:
        raise ValueError(f"inputs {unknown} are not supported.")
    cell = ONNX_CELLS[entry["op"]]
    attributes = {"direction": "forward", "layout": 0, **entry["attrs"]}
    one = Recurrent(
        cell=cell,
        hidden_size=attributes["hidden_size"],
        reset_after=cell != "gru",  # linear_before_reset is 0
        use_bias="B" in found,
        return_sequences=True,
        return_state=True,
        go_backwards=attributes["direction"] == "reverse",
    )
    both = attributes["direction"] == "bidirectional"
    spec = Bidirectional(forward=one, merge_mode=None) if both else one
    weights = [
        array for direction in range(1 + both) for array in _onnx_weights(cell, direction, found)
    ]
    batch_first = attributes["layout"] == 1
    return Vector(
        spec=spec,
        weights=dict(zip(shapes(spec), weights, strict=True)),
        inputs=found["X"] if batch_first else found["X"].swapaxes(0, 1),
        expected=dict(_onnx_expected(one, both, batch_first, found)),
    )


def _onnx_weights(cell: CellName, direction: int, found: Mapping[str, Array]) -> list[Array]:
    """Keras's kernel, recurrent kernel and bias; ONNX has one for the input and one for the state.

    With ``linear_before_reset`` 0 the two biases of a gate are only ever added.
    """
    weights = [found["W"][direction].T, found["R"][direction].T]
    if "B" in found:
        weights.append(np.sum(np.split(found["B"][direction], 2), axis=0))
    own = ONNX_GATES[cell]
    order = [own.index(gate) for gate in KERAS_GATES[cell]]
    blocks = [np.split(array, len(own), axis=-1) for array in weights]
    return [np.concatenate([parts[index] for index in order], axis=-1) for parts in blocks]


def _onnx_expected(
    one: Recurrent, both: bool, batch_first: bool, found: Mapping[str, Array]
) -> dict[int, Array]:
    """ONNX's outputs, direction by direction, where the layer returns them."""
    outputs = 1 + both
    state_names = ONNX_STATES[: 2 if one.cell == "lstm" else 1]
    expected: dict[int, Array] = {}
    for direction in range(outputs):
        if "out_Y" in found:  # (time, direction, batch, hidden) or (batch, time, direction, hidden)
            array = found["out_Y"] if batch_first else found["out_Y"].transpose(2, 0, 1, 3)
            sequence = array[:, :, direction]
            expected[direction] = sequence[:, ::-1] if one.go_backwards else sequence
        for index, name in enumerate(state_names):
            if f"out_{name}" in found:
                state = found[f"out_{name}"]
                own = state[:, direction] if batch_first else state[direction]
                expected[outputs + direction * len(state_names) + index] = own
    return expected
