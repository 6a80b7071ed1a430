"""The readable engine computes the recurrences of an independent oracle, for every mask."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.cells import Weights, cell_of
from birnn_lightning.nn.engines import Direction, DropoutFactors, scan
from birnn_lightning.nn.specs import Recurrent
from tests.nn import oracle
from tests.nn.samples import (
    BATCH,
    EVERY_MASK,
    HIDDEN,
    INPUT,
    MASKS,
    TIME,
    direction,
    features,
    suited,
    uniform,
)

TOLERANCE = 1e-12  # float64: what is left are other orders of the same sums


def spec(**fields) -> Recurrent:
    return Recurrent(hidden_size=HIDDEN, **fields)


CELLS = [
    pytest.param(spec(cell="rnn"), id="rnn"),
    pytest.param(spec(cell="lstm"), id="lstm"),
    pytest.param(spec(cell="gru"), id="gru"),
    pytest.param(spec(cell="gru", reset_after=False), id="gru reset before"),
]
VARIANTS = [
    pytest.param({"use_bias": False}, id="no bias"),
    pytest.param({"activation": "relu", "recurrent_activation": "hard_sigmoid"}, id="relu"),
    pytest.param({"activation": "softsign", "recurrent_activation": "softmax"}, id="softsign"),
    pytest.param({"activation": "selu", "recurrent_activation": "tanh"}, id="selu"),
    pytest.param({"activation": "linear", "recurrent_activation": "softsign"}, id="linear"),
]


def difference(direction: Direction, inputs: Tensor, mask: Tensor | None) -> float:
    """The largest difference to the oracle, over outputs and final states."""
    sequence, state = scan.run_direction(direction, inputs, mask)
    masked = None if mask is None else mask.numpy()
    expected_sequence, expected_state = oracle.run(direction, inputs.numpy(), masked)
    pairs = [(sequence, expected_sequence), *zip(state, expected_state, strict=True)]
    return max(float(np.abs(ours.numpy() - theirs).max()) for ours, theirs in pairs)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("spec", CELLS)
def test_every_mask(spec: Recurrent, mask: Tensor | None, backwards: bool) -> None:
    spec = replace(spec, go_backwards=backwards)
    assert difference(direction(spec), features(), mask) <= TOLERANCE


@pytest.mark.parametrize("fields", VARIANTS)
@pytest.mark.parametrize("spec", CELLS)
def test_variants(spec: Recurrent, fields: dict) -> None:
    assert (
        difference(direction(replace(spec, **suited(spec.cell, fields))), features(), None)
        <= TOLERANCE
    )


@pytest.mark.parametrize(
    ("batch", "time"), [pytest.param(1, TIME, id="batch 1"), pytest.param(BATCH, 1, id="time 1")]
)
@pytest.mark.parametrize("spec", CELLS)
def test_axes_of_one(spec: Recurrent, batch: int, time: int) -> None:
    ours = direction(spec)
    ours = ours._replace(state=tuple(one[:batch] for one in ours.state))
    assert difference(ours, uniform(batch, time, INPUT, seed=3), None) <= TOLERANCE


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared by gates", "by gate"])
@pytest.mark.parametrize("spec", CELLS)
def test_dropout(spec: Recurrent, shared: bool, backwards: bool) -> None:
    gates = len(cell_of(spec).gates)
    dropout = DropoutFactors(
        inputs=uniform(BATCH, 1 if shared else gates, INPUT, seed=11),
        state=None if shared else uniform(BATCH, gates, HIDDEN, seed=13),
    )
    plain = direction(replace(spec, go_backwards=backwards))
    assert difference(plain._replace(dropout=dropout), features(), MASKS["interior"]) <= TOLERANCE
    sequence, _ = scan.run_direction(plain, features(), None)
    dropped, _ = scan.run_direction(plain._replace(dropout=dropout), features(), None)
    assert (sequence - dropped).abs().max() > 1e-3


def swap_first_gates(weights: Weights) -> Weights:
    order = torch.arange(len(weights.weight_ih)).view(-1, HIDDEN)
    order = torch.cat([order[1], order[0], *order[2:]])
    return Weights(*(None if tensor is None else tensor[order] for tensor in weights))  # type: ignore[arg-type]


def swap_biases(weights: Weights) -> Weights:
    return weights._replace(bias_ih=weights.bias_hh, bias_hh=weights.bias_ih)


def transpose_recurrent(weights: Weights) -> Weights:
    blocks = [block.T for block in weights.weight_hh.split(HIDDEN)]
    return weights._replace(weight_hh=torch.cat(blocks))


@pytest.mark.parametrize(
    ("spec", "mutate"),
    [
        pytest.param(spec(cell="rnn"), transpose_recurrent, id="rnn transposed"),
        pytest.param(spec(cell="lstm"), swap_first_gates, id="lstm i and f swapped"),
        pytest.param(spec(cell="gru"), swap_first_gates, id="gru r and z swapped"),
        pytest.param(spec(cell="gru"), swap_biases, id="gru bias rows swapped"),
        pytest.param(
            spec(cell="gru", reset_after=False), swap_first_gates, id="gru reset before, swapped"
        ),
    ],
)
def test_the_check_can_fail(spec: Recurrent, mutate) -> None:
    ours = direction(spec)
    sequence, _ = oracle.run(ours, features().numpy(), None)
    mutant, _ = oracle.run(ours._replace(weights=mutate(ours.weights)), features().numpy(), None)
    assert np.abs(sequence - mutant).max() > 1e-3


def test_the_reset_gate_acts_where_the_spec_says() -> None:
    after = direction(spec(cell="gru"))
    # With no recurrent bias the two differ in the place of the reset gate alone.
    after = after._replace(weights=after.weights._replace(bias_hh=None))
    before = after._replace(spec=spec(cell="gru", reset_after=False))
    ours, theirs = (scan.run_direction(one, features(), None) for one in (after, before))
    assert (ours.sequence - theirs.sequence).abs().max() > 1e-3


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("spec", CELLS)
def test_an_empty_row_keeps_its_state(spec: Recurrent, backwards: bool) -> None:
    ours = direction(replace(spec, go_backwards=backwards))
    mask = torch.tensor([[False] * TIME, [True] * TIME])
    sequence, state = scan.run_direction(ours, features(), mask)
    assert torch.equal(sequence[0], torch.zeros(TIME, HIDDEN, dtype=torch.float64))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(state, ours.state, strict=True))
