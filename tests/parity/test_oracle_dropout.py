"""The oracle's dropout: a factor on the way into a gate is one on the rows of its kernel."""

from dataclasses import replace

import numpy as np
import pytest

from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack
from parity.oracle.cells import GATES
from parity.oracle.layer import compute
from tests.parity.recurrent_samples import (
    HIDDEN,
    INPUT,
    OTHER_HIDDEN,
    Array,
    features,
    states,
    uniform,
    weights,
)

TOLERANCE = 1e-13
CELLS = [
    pytest.param(Recurrent(cell="rnn", hidden_size=HIDDEN), id="rnn"),
    pytest.param(Recurrent(cell="lstm", hidden_size=HIDDEN), id="lstm"),
    pytest.param(Recurrent(cell="gru", hidden_size=HIDDEN), id="gru"),
    pytest.param(Recurrent(cell="gru", hidden_size=HIDDEN, reset_after=False), id="gru before"),
]


def one_row(spec: Recurrent, arrays: dict[str, Array], dropout: dict | None = None) -> list[Array]:
    """Output and states of one sequence, so that a factor is a vector."""
    initial = [state[:1] for state in states(spec)]
    computed = compute(spec, arrays, features()[:1], None, initial, dropout)
    return [computed.output, *computed.states]


def by_gate(spec: Recurrent, size: int, seed: int) -> dict[str, Array]:
    return {gate: uniform(1, size, seed=seed + n) for n, gate in enumerate(GATES[spec.cell])}


def scaled_rows(spec: Recurrent, array: Array, factors: dict[str, Array]) -> Array:
    return array * np.concatenate(
        [np.repeat(factors[gate].T, HIDDEN, axis=1) for gate in GATES[spec.cell]], axis=1
    )


@pytest.mark.parametrize(
    ("key", "path", "size"),
    [
        pytest.param("forward.0.inputs", "cell/kernel", INPUT, id="inputs"),
        pytest.param("forward.0.recurrent", "cell/recurrent_kernel", HIDDEN, id="recurrent"),
    ],
)
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "by gate"])
@pytest.mark.parametrize("spec", CELLS)
def test_a_factor_scales_the_kernel(
    spec: Recurrent, shared: bool, key: str, path: str, size: int
) -> None:
    spec = replace(spec, return_sequences=True)
    factors = by_gate(spec, size, seed=1)
    first = next(iter(factors.values()))
    if shared:
        factors = dict.fromkeys(factors, first)
    arrays = weights(spec)
    scaled = arrays | {path: scaled_rows(spec, arrays[path], factors)}
    ours = one_row(spec, arrays, {key: first if shared else factors})
    for one, other in zip(ours, one_row(spec, scaled), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)
    assert np.abs(ours[0] - one_row(spec, arrays)[0]).max() > 1e-3, "the factor does something"


def test_every_cell_of_both_directions_has_factors_of_its_own() -> None:
    stack = RecurrentStack(
        cells=(
            Recurrent(cell="lstm", hidden_size=HIDDEN),
            Recurrent(cell="gru", hidden_size=OTHER_HIDDEN),
        )
    )
    spec = Bidirectional(forward=stack)
    arrays = weights(spec)
    plain = compute(spec, arrays, features())
    # Forward h, c of the first cell, h of the second, then backward: what a factor can reach.
    reached = {
        "forward.0.inputs": [0, 1, 2],
        "forward.0.recurrent": [0, 1, 2],
        "forward.1.inputs": [2],
        "forward.1.recurrent": [2],
        "backward.0.inputs": [3, 4, 5],
        "backward.0.recurrent": [3, 4, 5],
        "backward.1.inputs": [5],
        "backward.1.recurrent": [5],
    }
    for key, changed in reached.items():
        size = INPUT if key.endswith("0.inputs") else HIDDEN
        size = OTHER_HIDDEN if key.endswith("1.recurrent") else size
        factor = uniform(1, size, seed=3)
        dropped = compute(spec, arrays, features(), dropout={key: factor})
        differing = [
            index
            for index, pair in enumerate(zip(plain.states, dropped.states, strict=True))
            if np.abs(np.subtract(*pair)).max() > 1e-3
        ]
        assert differing == changed, key


def test_unknown_factor() -> None:
    spec = Recurrent(cell="rnn", hidden_size=HIDDEN)
    message = r"^dropout: unknown keys \['backward.0.inputs', 'forward.0.input'\]; known are "
    dropout = dict.fromkeys(["forward.0.input", "backward.0.inputs", "forward.0.recurrent"])
    with pytest.raises(ValueError, match=message):
        compute(spec, weights(spec), features(), dropout=dropout)
