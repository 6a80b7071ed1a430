"""What the authors of Keras and of ONNX published as right comes out of the oracle and of ours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.nn import Masked, RecurrentLayer
from birnn_lightning.nn.layer import Layer, build_layer
from birnn_lightning.nn.specs import Bidirectional, Recurrent, TimeDistributed
from parity import ParityUnavailable
from parity.layout import layer_rows, torch_arrays
from parity.oracle.layer import compute
from parity.tolerance import (
    FLOAT64_RELATIVE,
    INNER_ROUNDINGS,
    UNIT_ROUNDOFF,
    scale_of,
)
from tests.parity.recurrent_samples import Array
from tests.parity.vectors import (
    HERE,
    WHY_NOT,
    Vector,
    arrays,
    entries,
    keras_vector,
    onnx_vector,
)

pytestmark = pytest.mark.skipif(not HERE, reason=WHY_NOT)

KERAS, ONNX = "keras_rnn_tests", "onnx_node_rnn"

NOT_REPRODUCED = {
    "TimeDistributedTest.test_masking#1": "MaskedDense is a class of that test alone",
    "test_lstm_with_peepholes": "no cell of Keras has peepholes",
}
REPRODUCED = {KERAS: 61, ONNX: 17}

FLOAT32_RELATIVE = INNER_ROUNDINGS * UNIT_ROUNDOFF["float32"]
"""The numbers are what some float32 computation gave, printed in full: 7 or 8 digits.

Relative to at least 1, which is where gates are rounded: an output ``(1 - z) n`` of 1e-3 next to a
closed gate has the absolute error of ``z``.
"""


def names(file: str) -> list[str]:
    return [name for name in entries(file) if name not in NOT_REPRODUCED]


def load(file: str, name: str) -> Vector:
    convert = keras_vector if file == KERAS else onnx_vector
    return convert(entries(file)[name], arrays(file, name))


def by_oracle(vector: Vector) -> Sequence[Array]:
    """Everything the layer returns, states always."""
    if isinstance(vector.spec, TimeDistributed):
        return [np.float64(vector.inputs) @ vector.weights["layer/kernel"]]
    assert isinstance(vector.spec, Recurrent | Bidirectional)
    spec, weights, inputs, mask = vector.spec, vector.weights, vector.inputs, vector.mask
    computed = compute(spec, weights, inputs, mask, vector.states or None)
    for _ in range(vector.calls - 1):
        computed = compute(spec, weights, inputs, mask, computed.states)
    return [*computed.outputs, *computed.states]


def our_layer(vector: Vector) -> Layer:
    """The module in float64, its weights through the weight table."""
    layer = build_layer(vector.spec, vector.inputs.shape[1:]).double().eval()
    rows = layer_rows(vector.spec, "theirs", "ours")
    state = torch_arrays(rows, {f"theirs/{path}": one for path, one in vector.weights.items()})
    tensors = {name.removeprefix("ours."): torch.from_numpy(one) for name, one in state.items()}
    layer.load_state_dict({**layer.state_dict(), **tensors})
    return layer


@torch.no_grad()
def by_ours(layer: Layer, vector: Vector) -> Sequence[Array]:
    """Everything the layer returns: states where its spec says so."""
    inputs = Masked(
        torch.from_numpy(vector.inputs).double(),
        None if vector.mask is None else torch.from_numpy(vector.mask),
    )
    states = [Masked(torch.from_numpy(state).double()) for state in vector.states]
    returned = layer(inputs, *states)
    for _ in range(vector.calls - 1):
        returned = layer(inputs, *states)
    return [
        one.values.numpy() for one in ([returned] if isinstance(returned, Masked) else returned)
    ]


def assert_reproduced(vector: Vector, computed: Sequence[Array]) -> None:
    assert vector.expected
    for index, expected in vector.expected.items():
        bound = FLOAT32_RELATIVE * scale_of(expected)
        assert computed[index].shape == expected.shape
        np.testing.assert_allclose(computed[index], expected, rtol=0, atol=bound)


EVERY_VECTOR = [
    pytest.param(file, name, id=f"{file}-{name}") for file in (KERAS, ONNX) for name in names(file)
]


@pytest.mark.parametrize(("file", "name"), EVERY_VECTOR)
def test_vector(file: str, name: str) -> None:
    vector = load(file, name)
    oracle = by_oracle(vector)
    layer = our_layer(vector)
    ours = by_ours(layer, vector)
    assert_reproduced(vector, oracle)
    assert_reproduced(vector, ours)
    for one, other in zip(ours, oracle[: len(ours)], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=FLOAT64_RELATIVE)
    if vector.calls > 1:
        assert isinstance(layer, RecurrentLayer)
        layer.reset_states()
        assert_reproduced(vector, by_ours(layer, vector))


def test_how_many_are_reproduced() -> None:
    assert {file: len(names(file)) for file in REPRODUCED} == REPRODUCED
    assert all(name in {**entries(KERAS), **entries(ONNX)} for name in NOT_REPRODUCED)


def test_the_layer_of_one_test_alone_is_refused() -> None:
    with pytest.raises(ParityUnavailable, match="MaskedDense"):
        load(KERAS, "TimeDistributedTest.test_masking#1")


def test_the_peepholes_are_what_is_missing() -> None:
    """The same node without them gives something else; with them its other inputs do nothing."""
    name = "test_lstm_with_peepholes"
    with pytest.raises(ValueError, match=r"^inputs \['P', "):
        load(ONNX, name)
    entry, found = entries(ONNX)[name], arrays(ONNX, name)
    for idle in ("initial_h", "initial_c"):
        assert not found[idle].any()
    assert (found["sequence_lens"] == len(found["X"])).all()
    kept: dict[str, Any] = {key: entry["inputs"][key] for key in ("X", "W", "R", "B")}
    vector = onnx_vector({**entry, "inputs": kept}, found)
    (expected,) = vector.expected.values()
    assert np.abs(by_oracle(vector)[1] - expected).max() > 1e-3


def test_the_check_can_fail() -> None:
    vector = load(KERAS, "LSTMTest.test_correctness0 (1)#1")
    ((index, expected),) = vector.expected.items()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_reproduced(vector, {index: expected + 1e-6})  # type: ignore[arg-type]
