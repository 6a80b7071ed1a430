"""What Keras's layers drop in training passes the same tests as what ours drop."""

from typing import Any

import numpy as np
import pytest

from tests.nn.distributions import assert_distribution, normal_cdf
from tests.parity.accuracy.dropout_rates import assert_dropout
from tests.parity.accuracy.dropout_samples import BATCH, CASES, GAUSSIAN, SIZE, TIME, Case, of_layer

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the draws are those of Keras on TensorFlow")


def drawn_by_keras(case: Case, seed: int = 7) -> np.ndarray:
    from parity.keras_model import keras, write_variables
    from parity.keras_twin import build_keras_model

    keras.utils.set_random_seed(seed)
    model = build_keras_model(case.spec, "float32")
    write_variables(model, case.weights)
    arrays: Any = [keras.ops.convert_to_tensor(array) for array in case.arrays]
    return np.asarray(model(arrays if len(arrays) > 1 else arrays[0], training=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dropout(case):
    assert_dropout(drawn_by_keras(case), case.rate, case.drawn)


@pytest.mark.parametrize(("spec", "deviation"), GAUSSIAN.values(), ids=GAUSSIAN)
def test_gaussian(spec, deviation):
    values = drawn_by_keras(of_layer("gaussian", spec))
    assert values.shape == (BATCH, TIME, SIZE)
    assert_distribution(values, normal_cdf(1, deviation))
