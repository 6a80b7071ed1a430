"""The rate falls at the epoch at which Keras lowers it."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from birnn_lightning.optim import KerasReduceLROnPlateau

BAD = [0.5] * 8
CASES = [
    pytest.param({"patience": 2}, BAD, [1, 1, 0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3], id="patience"),
    pytest.param({"patience": 1}, [3, 2, 2, 1, 1], [1, 1, 0.1, 0.1, 0.01], id="improvements"),
    pytest.param({"patience": 0, "factor": 0.5}, BAD[:3], [1, 0.5, 0.25], id="no patience"),
    pytest.param(
        {"patience": 1, "cooldown": 2, "factor": 0.5},
        BAD,
        [1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625],
        id="cooldown",
    ),
    pytest.param(
        {"patience": 1, "min_lr": 0.3, "factor": 0.5}, BAD[:4], [1, 0.5, 0.3, 0.3], id="min_lr"
    ),
    pytest.param(
        {"patience": 1, "min_delta": 0.25}, [1.0, 0.75, 0.5, 0.25], [1, 0.1, 0.1, 0.01], id="delta"
    ),
    pytest.param(
        {"patience": 1, "monitor": "val_f1"}, [0.1, 0.2, 0.3, 0.1], [1, 1, 1, 0.1], id="rising"
    ),
]


def new_optimizer() -> torch.optim.SGD:
    groups = [{"params": [nn.Parameter(torch.zeros(3))]} for _ in range(2)]
    return torch.optim.SGD(groups, lr=1.0)


def rates(scheduler: KerasReduceLROnPlateau, values: Sequence[float]) -> list[float]:
    found = []
    for value in values:
        scheduler.step(torch.tensor(value))
        first, second = scheduler.get_last_lr()
        assert first == second
        found.append(first)
    return found


@pytest.mark.parametrize(("settings", "values", "expected"), CASES)
def test_rates(settings: dict[str, Any], values: list[float], expected: list[float]) -> None:
    scheduler = KerasReduceLROnPlateau(new_optimizer(), **settings)
    assert rates(scheduler, values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("at", range(1, len(BAD)))
def test_a_state_goes_on(at: int) -> None:
    settings: dict[str, Any] = {"patience": 2, "cooldown": 1}
    uninterrupted = rates(KerasReduceLROnPlateau(new_optimizer(), **settings), BAD)
    first, second = (KerasReduceLROnPlateau(new_optimizer(), **settings) for _ in range(2))
    before = rates(first, BAD[:at])
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert before + rates(second, BAD[at:]) == uninterrupted


REFUSALS = [
    pytest.param({"factor": 1.5}, "factor must be in [0, 1); got 1.5.", id="factor"),
    pytest.param({"patience": -1}, "patience must not be negative; got -1.", id="patience"),
    pytest.param({"cooldown": -1}, "cooldown must not be negative; got -1.", id="cooldown"),
    pytest.param({"min_lr": -0.1}, "min_lr must not be negative; got -0.1.", id="min_lr"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSALS)
def test_refusals(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        KerasReduceLROnPlateau(new_optimizer(), **settings)
