"""Our Keras optimisers against Keras's own, on TensorFlow."""

from typing import Any

import numpy as np
import pytest

from tests.parity.keras_optimizers import (
    EMBEDDING,
    KERAS_NAMES,
    OWN_SETTINGS,
    STEPS,
    Training,
    assert_same,
    random_training,
    scaled,
    trained_ours,
    trained_theirs,
)

pytest.importorskip("tensorflow", reason="the comparison is with Keras on TensorFlow")
pytestmark = pytest.mark.tensorflow

SHARED_SETTINGS: dict[str, dict[str, Any]] = {
    "clipnorm": {"clipnorm": 0.7},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.9},
    "accumulation": {"gradient_accumulation_steps": 5},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 5},
    "everything": {
        "weight_decay": 0.3,
        "clipnorm": 0.7,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "gradient_accumulation_steps": 3,
    },
}
MOMENTA = {"sgd": {"momentum": 0.7}, "rmsprop": {"momentum": 0.7, "centered": True}}


def identity(value: Any) -> str | None:
    if isinstance(value, dict):
        return ",".join(f"{key}={setting}" for key, setting in value.items()) or "plain"
    return None


def compare(name: str, settings: dict[str, Any], training: Training, tolerance: float) -> None:
    ours = trained_ours(name, settings, training)
    assert_same(ours, trained_theirs(name, settings, training), tolerance)
    moved = np.abs(ours["w0"] - training.starts[0]).max()
    assert moved > 0


@pytest.mark.parametrize(("name", "settings"), OWN_SETTINGS, ids=identity)
def test_gradients_of_every_magnitude(name, settings):
    training = scaled(random_training("float64"), [1e-4, 1e-9, 1e9])
    compare(name, settings, training, 1e-12)


@pytest.mark.parametrize(("name", "settings"), OWN_SETTINGS, ids=identity)
def test_float32(name, settings):
    compare(name, settings, random_training("float32"), 4 * float(np.finfo("float32").eps))


@pytest.mark.parametrize("name", KERAS_NAMES)
def test_weight_decay_with_exclusions(name):
    training = random_training("float64")
    training.excluded = [0, 2]
    settings = {"weight_decay": 0.3}
    compare(name, settings, training, 1e-12)
    decayed = trained_ours(name, settings, random_training("float64"))
    excluding = trained_ours(name, settings, training)
    changed = [not np.array_equal(decayed[key], excluding[key]) for key in ("w0", "w1", "w2")]
    assert changed == [True, False, True]


@pytest.mark.parametrize("shared", ["plain", *SHARED_SETTINGS])
@pytest.mark.parametrize("name", KERAS_NAMES)
def test_shared_settings_with_dense_and_sparse_gradients(name, shared):
    settings = MOMENTA.get(name, {}) | SHARED_SETTINGS.get(shared, {})
    compare(name, settings, random_training("float64", sparse=True), 1e-12)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad", "adadelta", "adamax", "nadam"])
def test_sparse_gradients_are_not_their_sums(name):
    training = random_training("float64", sparse=True)
    summed = random_training("float64", sparse=True)
    for gradients in summed.gradients:
        rows, values = gradients[EMBEDDING]  # type: ignore[misc]
        gradients[EMBEDDING] = dense = np.zeros_like(training.starts[EMBEDDING])
        np.add.at(dense, rows, values)
    unlike = trained_ours(name, {}, training)
    like = trained_ours(name, {}, summed)
    key = f"w{EMBEDDING}"
    assert np.abs(unlike[key] - like[key]).max() > 1e-5
    assert np.array_equal(unlike["w0"], like["w0"])


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables:UserWarning")
@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize("name", ["sgd", "adam", "nadam"])
def test_missing_gradients(name, steps):
    training = random_training("float64")
    for step in range(1, STEPS):
        training.gradients[step][step // 2 % 3] = None
    settings = {"gradient_accumulation_steps": steps, "use_ema": True, "weight_decay": 0.3}
    compare(name, MOMENTA.get(name, {}) | settings, training, 1e-12)
