"""A direction without an initial state starts from zeros, on every engine."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.engines import ENGINES
from birnn_lightning.nn.engines.fused import compilation
from birnn_lightning.nn.specs import CellName, Recurrent
from tests.nn.samples import EVERY_MASK, HIDDEN, OTHER_HIDDEN, features
from tests.nn.test_engines import FLOAT64_TOLERANCE, Layers, largest_difference, pair, results

ON_CPU = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name == "fused" and compilation.find_compiler() is None, reason="no C compiler"
        ),
    )
    for name in ENGINES
    if name != "triton"
]


def mixed() -> Layers:
    """Directions of different cells and sizes."""
    forward, _ = pair(Recurrent(cell="lstm", hidden_size=HIDDEN))
    _, backward = pair(Recurrent(cell="gru", hidden_size=OTHER_HIDDEN))
    return [forward, backward]


ARRANGEMENTS = [
    *(
        pytest.param(lambda cell=cell: pair(Recurrent(cell=cell, hidden_size=HIDDEN)), id=cell)
        for cell in get_args(CellName)
    ),
    pytest.param(mixed, id="mixed"),
]


@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("arrange", ARRANGEMENTS)
@pytest.mark.parametrize("engine", ON_CPU)
def test_no_state_is_zeros(engine: str, arrange, mask: Tensor | None) -> None:
    zeros = [
        one._replace(state=tuple(torch.zeros_like(state) for state in one.state))
        for one in arrange()
    ]
    none = [one._replace(state=()) for one in arrange()]
    exact = results("scan", zeros, features(), mask)
    gradients_of_states = sum(len(one.state) for one in zeros)
    found = results(engine, none, features(), mask)
    outputs = sum(1 + len(one.state) for one in zeros)
    kept = [*exact[: outputs + 1], *without_states(exact[outputs + 1 :], zeros)]
    assert len(found) == len(exact) - gradients_of_states == len(kept)
    assert largest_difference(found, kept) <= FLOAT64_TOLERANCE


def without_states(gradients: list[Tensor], layers: Layers) -> list[Tensor]:
    """The gradients of the weights alone."""
    kept, rest = [], iter(gradients)
    for one in layers:
        weights = [weight for weight in one.weights if weight is not None]
        kept += [next(rest) for _ in weights]
        for _ in one.state:
            next(rest)
    return kept


@pytest.mark.parametrize("engine", ON_CPU)
def test_one_direction_may_have_a_state(engine: str) -> None:
    first, second = pair(Recurrent(cell="gru", hidden_size=HIDDEN))
    zeros = tuple(torch.zeros_like(state) for state in second.state)
    exact = ENGINES["scan"]([first, second._replace(state=zeros)], features(), None)
    found = ENGINES[engine]([first, second._replace(state=())], features(), None)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.sequence, other.sequence, rtol=0, atol=FLOAT64_TOLERANCE)
        torch.testing.assert_close(one.state, other.state, rtol=0, atol=FLOAT64_TOLERANCE)
