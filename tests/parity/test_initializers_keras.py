"""Keras draws from the distributions from which ours are shown to come."""

from typing import Any

import numpy as np
import pytest

from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.specs.initializers import INITIALIZERS, Identity
from parity.keras_config.initializers import keras_initializer, read_initializer
from tests.nn.distributions import assert_distribution, assert_orthogonal, cdf_of
from tests.nn.test_initializers import CONVOLUTION, KERNEL, RANDOM

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the draws are those of Keras on TensorFlow")


def given_to_keras(spec, **changes) -> Any:
    """The Keras initialiser of a spec."""
    import keras

    config = keras_initializer(spec)
    config["config"].update(changes)
    return keras.initializers.get(config)


def written_by_keras(initializer) -> Any:
    import keras

    return keras.initializers.serialize(initializer)


def keras_draw(spec, shape):
    seed = {"seed": 3} if "seed" in keras_initializer(spec)["config"] else {}
    return np.asarray(given_to_keras(spec, **seed)(shape, dtype="float32"))


@pytest.mark.parametrize("shape", [KERNEL, CONVOLUTION], ids=["kernel", "conv"])
@pytest.mark.parametrize("spec", RANDOM.values(), ids=RANDOM)
def test_distribution(spec, shape):
    assert_distribution(keras_draw(spec, shape), cdf_of(spec, shape))


@pytest.mark.parametrize("shape", [(7, 7), (11, 3), (3, 11), (2, 3, 5), (2, 3, 11)])
def test_orthogonal(shape):
    assert_orthogonal(keras_draw(INITIALIZERS["orthogonal"], shape), gain=1, tolerance=1e-6)


@pytest.mark.parametrize("name", ["zeros", "ones", "constant", "identity"])
def test_constants(name):
    spec = INITIALIZERS[name]
    np.testing.assert_array_equal(keras_draw(spec, (5, 3)), draw(spec, (5, 3)))


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "constant"])
def test_names_are_those_of_keras(name):
    """A name means in Keras what it means here, read through what Keras writes for it."""
    import keras

    written = written_by_keras(keras.initializers.get(name))
    assert read_initializer(written, default=None) == INITIALIZERS[name]


def test_keras_does_not_know_its_own_name_for_a_constant():
    import keras

    with pytest.raises(KeyError, match="value"):
        keras.initializers.get("constant")


@pytest.mark.parametrize("spec", [*INITIALIZERS.values(), *RANDOM.values()], ids=str)
def test_keras_writes_back_what_it_was_given(spec):
    assert read_initializer(written_by_keras(given_to_keras(spec)), default=None) == spec


def test_keras_forgets_the_gain_of_an_identity():
    """It computes with the gain and does not save it."""
    identity = given_to_keras(Identity(gain=3.0))
    np.testing.assert_array_equal(identity((2, 3)), 3 * np.eye(2, 3))
    assert written_by_keras(identity)["config"] == {}
