"""Any supported Keras model becomes a classifier that computes the same."""

import pytest
import torch

from birnn_lightning.nn.activations import ACTIVATIONS
from parity import assert_parity, copy_weights, from_keras, to_keras
from parity.keras_config.activations import keras_activation
from parity.suite.cases import Case, quick_cases
from tests.parity.keras_models import L, keras, random_keras, state_bytes

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]


@pytest.mark.parametrize("case", quick_cases()[::5], ids=lambda case: case.name)
def test_a_classifier_comes_back_bit_for_bit(case, twin_of):
    model = case.build()
    twin = twin_of(case)
    copy_weights(model, twin)
    back = from_keras(twin)
    assert back.spec == model.spec
    assert state_bytes(back) == state_bytes(model)
    assert next(back.parameters()).dtype == next(model.parameters()).dtype


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_the_task_comes_back(task, twin_of):
    case = Case(cell="gru", task=task, inputs="features")
    assert from_keras(twin_of(case)).task == task


def test_a_keras_file_becomes_a_classifier(tmp_path, twin_of):
    case = Case(cell="lstm", pooling="max")
    model, twin = case.build(), twin_of(case)
    copy_weights(model, twin)
    twin.save(tmp_path / "model.keras")
    for path in (tmp_path / "model.keras", str(tmp_path / "model.keras")):
        assert state_bytes(from_keras(path)) == state_bytes(model)


def test_a_legacy_file_becomes_a_classifier(tmp_path):
    model = random_keras(keras.Sequential([keras.Input((None, 3)), L.GRU(5), L.Dense(11)]))
    # Keras warns that the format is old.
    keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(model, tmp_path / "model.h5")
    assert_parity(from_keras(tmp_path / "model.h5"), model)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    entry = keras.Input((3,))
    hidden = L.Dense(7, activation=keras.activations.get(keras_activation(name)))(entry)
    model = random_keras(keras.Model(entry, L.Dense(5)(hidden)))
    assert assert_parity(from_keras(model), model, gradients=True).passed


def test_float64_models():
    layers = [L.Bidirectional(L.GRU(5, dtype="float64"), dtype="float64")]
    model = keras.Sequential(
        [keras.Input((None, 3), dtype="float64"), *layers, L.Dense(11, dtype="float64")]
    )
    classifier = from_keras(random_keras(model))
    assert next(classifier.parameters()).dtype == torch.float64
    report = assert_parity(classifier, model)
    assert [row.dtype for row in report.rows] == ["float64"]
    assert assert_parity(classifier, to_keras(classifier)).passed
