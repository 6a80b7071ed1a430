"""Schedules are Keras's, to the last places of float64."""

import inspect
from typing import Any

import numpy as np
import pytest

from birnn_lightning.optim.schedules import KERAS_SCHEDULES

pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
pytestmark = pytest.mark.tensorflow

STEPS = range(51)
RATE = {"initial_learning_rate": 0.3}
TIME = {**RATE, "decay_steps": 7}
CASES = [
    ("exponential_decay", {**TIME, "decay_rate": 0.83}),
    ("exponential_decay", {**TIME, "decay_rate": 0.83, "staircase": True}),
    ("exponential_decay", {**TIME, "decay_steps": 2.5, "decay_rate": 1.1}),
    ("inverse_time_decay", {**TIME, "decay_rate": 0.83}),
    ("inverse_time_decay", {**TIME, "decay_rate": 0.83, "staircase": True}),
    ("polynomial_decay", {**TIME, "end_learning_rate": 0.0001}),
    ("polynomial_decay", {**TIME, "end_learning_rate": 0.07, "power": 0.4}),
    ("polynomial_decay", {**TIME, "end_learning_rate": 0.07, "power": 2.3, "cycle": True}),
    ("cosine_decay", {**TIME, "decay_steps": 37}),
    ("cosine_decay", {**TIME, "alpha": 0.13}),
    ("cosine_decay", {**TIME, "alpha": 0.13, "warmup_target": 0.7, "warmup_steps": 11}),
    ("cosine_decay", {**TIME, "initial_learning_rate": 0.0, "warmup_target": 0.7}),
    ("cosine_decay_restarts", {**RATE, "first_decay_steps": 5}),
    ("cosine_decay_restarts", {**RATE, "first_decay_steps": 1, "t_mul": 3.0}),
    ("cosine_decay_restarts", {**RATE, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.7}),
    (
        "cosine_decay_restarts",
        {**RATE, "first_decay_steps": 3, "t_mul": 1.3, "m_mul": 0.8, "alpha": 0.13},
    ),
    ("piecewise_constant_decay", {"boundaries": [11], "values": [0.3, 0.2]}),
    ("piecewise_constant_decay", {"boundaries": [0, 7, 19.6], "values": [0.3, 0.2, 0.4, 0.1]}),
]


def in_float64(setting: Any) -> Any:
    """Keras on TensorFlow makes every Python float a float32, whatever ``floatx`` is."""
    if isinstance(setting, list):
        return [in_float64(one) for one in setting]
    return np.float64(setting) if isinstance(setting, float) else setting


def keras_schedule(name: str, settings: dict[str, Any]) -> Any:
    import keras

    return getattr(keras.optimizers.schedules, KERAS_SCHEDULES[name].__name__)(**settings)


@pytest.mark.parametrize(
    ("name", "settings"), [pytest.param(*case, id=f"{case[0]} {n}") for n, case in enumerate(CASES)]
)
def test_rates_are_those_of_keras(name: str, settings: dict[str, Any]) -> None:
    import keras

    schedule = keras_schedule(name, {key: in_float64(one) for key, one in settings.items()})
    ours = [KERAS_SCHEDULES[name](**settings).rate(step) for step in STEPS]
    # Optimisers ask with a variable of this type, to which Keras casts boundaries.
    theirs = [schedule(keras.ops.convert_to_tensor(step, dtype="int64")) for step in STEPS]
    assert {keras.backend.standardize_dtype(rate.dtype) for rate in theirs} == {"float64"}
    assert ours == pytest.approx([float(rate) for rate in theirs], rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("name", KERAS_SCHEDULES)
def test_settings_and_defaults_are_those_of_keras(name: str) -> None:
    import keras

    ours = inspect.signature(KERAS_SCHEDULES[name]).parameters
    theirs = getattr(keras.optimizers.schedules, KERAS_SCHEDULES[name].__name__)
    expected = {
        key: parameter.default
        for key, parameter in inspect.signature(theirs).parameters.items()
        if key != "name"
    }
    assert {key: parameter.default for key, parameter in ours.items()} == expected


def test_python_floats_are_float32_to_keras() -> None:
    """So that a training in float64 with a schedule needs ``np.float64`` settings."""
    import keras

    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        rate = keras_schedule("cosine_decay", {**TIME, "initial_learning_rate": 0.3})(3)
        assert keras.backend.standardize_dtype(rate.dtype) == "float32"
    finally:
        keras.config.set_floatx(floatx)


def test_optimisers_count_steps_from_0_and_accumulated_gradients_too() -> None:
    """A step that only accumulates moves the schedule on as one that updates."""
    import keras

    rates = []

    class Spy(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            rates.append(int(step))
            return 0.5

    variable = keras.Variable([0.0])
    spy: Any = Spy()
    optimizer = keras.optimizers.SGD(spy, gradient_accumulation_steps=3)
    for _ in range(7):
        optimizer.apply([keras.ops.ones(1)], [variable])
    assert rates == [2, 5]
