"""Keras's schedules pass through the points that their formulas give by hand."""

import math
import re
from typing import Any

import pytest

from birnn_lightning.optim.schedules import (
    KERAS_SCHEDULES,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Schedule,
)

DECAY: dict[str, Any] = {"initial_learning_rate": 0.2, "decay_steps": 5}
THIRD = (1 + math.cos(math.pi / 3)) / 2
POINTS = [
    pytest.param(
        ExponentialDecay(**DECAY, decay_rate=0.25),
        {0: 0.2, 5: 0.05, 10: 0.0125},
        id="exponential",
    ),
    pytest.param(
        ExponentialDecay(**DECAY, decay_rate=0.25, staircase=True),
        {0: 0.2, 4: 0.2, 5: 0.05, 9: 0.05, 10: 0.0125},
        id="exponential staircase",
    ),
    pytest.param(
        InverseTimeDecay(**DECAY, decay_rate=3), {0: 0.2, 5: 0.05, 10: 0.2 / 7}, id="inverse time"
    ),
    pytest.param(
        InverseTimeDecay(**DECAY, decay_rate=3, staircase=True),
        {0: 0.2, 4: 0.2, 5: 0.05, 9: 0.05},
        id="inverse time staircase",
    ),
    pytest.param(
        PolynomialDecay(**DECAY, end_learning_rate=0.1, power=2),
        {0: 0.2, 1: 0.1 + 0.1 * 0.64, 5: 0.1, 6: 0.1, 99: 0.1},
        id="polynomial",
    ),
    pytest.param(
        PolynomialDecay(**DECAY, end_learning_rate=0.1, cycle=True),
        {0: 0.2, 5: 0.1, 6: 0.14, 10: 0.1, 11: 0.1 + 0.1 * 4 / 15},
        id="polynomial cycles",
    ),
    pytest.param(
        CosineDecay(initial_learning_rate=0.2, decay_steps=6, alpha=0.1),
        {0: 0.2, 2: 0.2 * (0.9 * THIRD + 0.1), 6: 0.02, 7: 0.02},
        id="cosine",
    ),
    pytest.param(
        CosineDecay(initial_learning_rate=0.1, decay_steps=6, warmup_target=0.4, warmup_steps=3),
        {0: 0.1, 1: 0.2, 3: 0.4, 5: 0.4 * THIRD, 9: 0.0, 10: 0.0},
        id="cosine after warmup",
    ),
    pytest.param(
        CosineDecay(initial_learning_rate=0.1, decay_steps=6, warmup_target=0.4),
        {0: 0.4, 6: 0.0},
        id="a target without steps",
    ),
    pytest.param(
        CosineDecay(initial_learning_rate=0.1, decay_steps=6, warmup_steps=3),
        {0: 0.1, 6: 0.0},
        id="steps without a target are none",
    ),
    pytest.param(
        CosineDecayRestarts(initial_learning_rate=0.2, first_decay_steps=3, m_mul=0.5),
        {0: 0.2, 1: 0.2 * THIRD, 3: 0.1, 5: 0.1 * THIRD, 9: 0.05, 13: 0.05 * THIRD},
        id="restarts",
    ),
    pytest.param(
        CosineDecayRestarts(initial_learning_rate=0.2, first_decay_steps=3, t_mul=1, alpha=0.5),
        {0: 0.2, 1: 0.2 * (0.5 * THIRD + 0.5), 3: 0.2, 4: 0.2 * (0.5 * THIRD + 0.5)},
        id="restarts of one length",
    ),
    pytest.param(
        PiecewiseConstantDecay(boundaries=[2, 5.9], values=[0.3, 0.2, 0.1]),
        {0: 0.3, 2: 0.3, 3: 0.2, 5: 0.2, 6: 0.1, 99: 0.1},
        id="piecewise constant",
    ),
]


@pytest.mark.parametrize(("schedule", "points"), POINTS)
def test_points(schedule: Schedule, points: dict[int, float]) -> None:
    ours = {step: schedule.rate(step) for step in points}
    assert ours == pytest.approx(points, rel=1e-12, abs=1e-16)


def test_every_schedule_is_tested() -> None:
    tested = {type(point.values[0]) for point in POINTS}
    assert tested == set(KERAS_SCHEDULES.values())


RATE = {"initial_learning_rate": 0.1}
REFUSALS = [
    pytest.param(
        "exponential_decay",
        {**RATE, "decay_steps": -1, "decay_rate": 0.5},
        "decay_steps must be positive; got -1.",
        id="decay_steps",
    ),
    pytest.param(
        "cosine_decay_restarts",
        {**RATE, "first_decay_steps": 0},
        "first_decay_steps must be positive; got 0.",
        id="first_decay_steps",
    ),
    pytest.param(
        "exponential_decay",
        {**RATE, "decay_steps": 3, "decay_rate": 0},
        "decay_rate must be positive; got 0.",
        id="decay_rate",
    ),
    pytest.param(
        "inverse_time_decay",
        {**RATE, "decay_steps": 3, "decay_rate": -0.5},
        "decay_rate must not be negative; got -0.5.",
        id="inverse decay_rate",
    ),
    pytest.param(
        "inverse_time_decay",
        {**RATE, "decay_steps": 3, "decay_rate": 0.5, "staircase": 1},
        "staircase must be true or false; got 1.",
        id="staircase",
    ),
    pytest.param(
        "polynomial_decay",
        {**RATE, "decay_steps": "3"},
        "decay_steps must be a number; got '3'.",
        id="not a number",
    ),
    pytest.param(
        "polynomial_decay",
        {**RATE, "decay_steps": True},
        "decay_steps must be a number; got True.",
        id="neither is True",
    ),
    pytest.param(
        "polynomial_decay",
        {**RATE, "decay_steps": 3, "power": -1},
        "power must not be negative; got -1.",
        id="power",
    ),
    pytest.param(
        "cosine_decay",
        {**RATE, "decay_steps": 3, "warmup_target": "high"},
        "warmup_target must be a number; got 'high'.",
        id="warmup_target",
    ),
    pytest.param(
        "cosine_decay",
        {**RATE, "decay_steps": 3, "warmup_steps": -2},
        "warmup_steps must not be negative; got -2.",
        id="warmup_steps",
    ),
    pytest.param(
        "cosine_decay_restarts",
        {**RATE, "first_decay_steps": 3, "t_mul": 0.5},
        "t_mul must be at least 1; got 0.5.",
        id="t_mul",
    ),
    pytest.param(
        "cosine_decay_restarts",
        {**RATE, "first_decay_steps": 3, "m_mul": 0},
        "m_mul must be positive; got 0.",
        id="m_mul",
    ),
    pytest.param(
        "piecewise_constant_decay",
        {"boundaries": [3, 2], "values": [0.3, 0.2, 0.1]},
        "boundaries must increase; got [3, 2].",
        id="boundaries",
    ),
    pytest.param(
        "piecewise_constant_decay",
        {"boundaries": [], "values": [0.3]},
        "values must have one number more than boundaries, which have at least one; got 0 "
        "boundaries and 1 values.",
        id="no boundaries",
    ),
    pytest.param(
        "piecewise_constant_decay",
        {"boundaries": [3], "values": 0.3},
        "values must be a list of numbers; got 0.3.",
        id="values",
    ),
]


@pytest.mark.parametrize(("name", "settings", "message"), REFUSALS)
def test_refusals(name: str, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        KERAS_SCHEDULES[name](**settings)
