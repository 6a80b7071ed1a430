"""Keras's half of L4: the weight table names each variable of a Keras model exactly once."""

import numpy as np
import pytest

from birnn_lightning.nn import specs
from parity import copy_weights, layout
from parity.inputs import randomise_weights
from parity.layout import rows
from parity.suite.cases import quick_cases

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the variables are those of Keras on TensorFlow")

# Precision, task and depth beyond two change neither layers nor paths.
CASES = [case for case in quick_cases() if case.dtype == "float32"]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def pair(request, twin_of):
    model, twin = request.param.build(), twin_of(request.param)
    copy_weights(model, twin)
    return model, twin


def test_each_variable_stands_in_exactly_one_row(pair):
    from parity.keras_model import find_variable

    model, twin = pair
    found = [id(find_variable(twin, row.keras)) for row in rows(model.spec)]
    assert sorted(found) == sorted(id(variable) for variable in twin.weights)


def test_every_variable_is_written(pair):
    """New weights reach all of Keras's variables, and come back as they were."""
    model, twin = pair
    before = [np.array(array) for array in twin.get_weights()]
    randomise_weights(model, seed=7)
    copy_weights(model, twin)
    for old, new in zip(before, twin.get_weights(), strict=True):
        assert (old != new).all()
    ours = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    randomise_weights(model, seed=11)
    copy_weights(twin, model)
    for name, tensor in model.state_dict().items():
        assert tensor.numpy().tobytes() == ours[name].numpy().tobytes()


def test_a_variable_without_a_row_would_be_noticed(twin_of, monkeypatch):
    twin = twin_of(CASES[0])
    monkeypatch.delitem(layout._LAYER_ROWS, specs.Dense)
    assert len(rows(CASES[0].build().spec)) == len(twin.weights) - 2
