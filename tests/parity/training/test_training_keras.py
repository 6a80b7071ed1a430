"""Training in both frameworks: the same steps, and what is refused."""

from typing import Any

import numpy as np
import pytest

import parity
from birnn_lightning import BiGRUClassifier, SequenceClassifier
from parity.inputs import randomise_weights
from parity.results import ParityUnavailable
from parity.training.batches import random_batches
from parity.training.cases import TrainingCase, setting_cases, table_cases
from parity.training.check import compare_training
from parity.training.starts import KerasStart

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")

import keras  # noqa: E402

STEPS = 11


@pytest.fixture(scope="module")
def model():
    model = BiGRUClassifier(
        input_size=3,
        hidden_size=5,
        num_layers=1,
        num_classes=7,
        optimizer="keras_adam",
        learning_rate=0.01,
    )
    randomise_weights(model)
    return model


@pytest.fixture(scope="module")
def twin(model):
    return parity.to_keras(model)


def passed(case: TrainingCase) -> bool:
    model = case.build()
    batches = random_batches(model, STEPS)
    found = compare_training(model, parity.to_keras(model), batches, dtypes=())
    assert found.float64.steps in (STEPS, found.float64.first and found.float64.first[1].step)
    return found.report.passed


@pytest.mark.parametrize(
    "case", [case for case in setting_cases() if case.called in ("regularised", "tokens")][:3]
)
def test_settings_of_training_agree(case):
    assert passed(case)


def test_names_of_cases_are_unique():
    cases = (*table_cases(), *setting_cases())
    assert len({case.name for case in cases}) == len(cases)


def test_compare_trains_too_and_changes_neither_model(model, twin):
    ours = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    theirs = [array.copy() for array in twin.get_weights()]
    report = parity.compare(model, twin, training_steps=5)
    assert report.passed
    kinds = {(row.compared, row.dtype) for row in report.rows}
    assert ("weights in training", "float64") in kinds
    assert ("weights in training", "float32") in kinds
    assert ("states of the optimiser", "float64") in kinds
    assert all(tensor.equal(ours[name]) for name, tensor in model.state_dict().items())
    for before, after in zip(theirs, twin.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_given_examples_and_labels(model, twin):
    inputs = np.random.default_rng(0).standard_normal((9, 11, 3)).astype("float32")
    report = parity.compare(model, twin, inputs, training_steps=3, labels=np.arange(9) % 7)
    assert report.passed
    with pytest.raises(ValueError, match="labels belong to inputs and training_steps"):
        parity.compare(model, twin, inputs, labels=np.arange(9))
    with pytest.raises(ValueError, match="training_steps must not be negative"):
        parity.compare(model, twin, training_steps=-1)


def test_a_compiled_model_trains_with_its_own_optimiser_and_loss(model):
    compiled = parity.to_keras(model)
    compiled.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    report = parity.compare(model, compiled, training_steps=3)
    assert not report.passed
    row = report.failures[0]
    assert row.compared in ("states of the optimiser", "weights in training")
    assert "differ first at step 1" in row.detail
    assert "Cause: settings of the optimiser." in row.detail


def test_equal_models_of_other_names_train_alike():
    model = BiGRUClassifier(
        input_size=3, hidden_size=5, num_layers=1, num_classes=7, optimizer="keras_sgd"
    )
    randomise_weights(model)
    twin = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.Bidirectional(keras.layers.GRU(5), name="other"),
            keras.layers.Dense(7, activation="softmax", name="names"),
        ]
    )
    parity.copy_weights(model, twin)
    assert parity.compare(model, twin, training_steps=3).passed


def test_the_usual_pair_of_adams_has_two_causes_and_both_are_named():
    model = BiGRUClassifier(vocab_size=23, embedding_dim=3, hidden_size=5, task="binary")
    randomise_weights(model)
    twin = parity.to_keras(model)
    twin.compile("adam", "binary_crossentropy")
    (failure,) = parity.compare(model, twin, training_steps=3).failures
    assert "Several causes together: epsilon of the optimiser." in failure.detail
    assert "embedding gradients." in failure.detail


def test_a_users_model_with_a_schedule_statistics_and_penalties():
    layers = keras.layers
    twin = keras.Sequential(
        [
            keras.Input((11, 3)),
            layers.Conv1D(5, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Bidirectional(
                layers.LSTM(
                    5,
                    return_sequences=True,
                    dropout=0.25,
                    recurrent_dropout=0.25,
                    kernel_regularizer="l2",
                )
            ),
            layers.SpatialDropout1D(0.25),
            layers.GlobalMaxPooling1D(),
            layers.Dense(7, activation="softmax", kernel_constraint="max_norm"),
        ]
    )
    rate: Any = keras.optimizers.schedules.CosineDecay(0.1, 7)
    twin.compile(keras.optimizers.SGD(rate, momentum=0.9), "categorical_crossentropy")
    spec = parity.from_keras(twin).spec
    model = SequenceClassifier(
        spec,
        optimizer="keras_sgd",
        optimizer_settings={"momentum": 0.9},
        learning_rate=0.1,
        schedule="cosine_decay",
        schedule_settings={"decay_steps": 7},
    )
    parity.copy_weights(twin, model)
    assert parity.compare(model, twin, training_steps=9).passed


def test_a_stateful_model_goes_on_from_batch_to_batch():
    twin = keras.Sequential(
        [
            keras.Input((11, 3), batch_size=5),
            keras.layers.LSTM(5, stateful=True),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    twin.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    spec = parity.from_keras(twin).spec
    model = SequenceClassifier(spec, "binary", optimizer="keras_adam", learning_rate=0.01)
    parity.copy_weights(twin, model)
    assert parity.compare(model, twin, training_steps=5).passed


def test_a_restarted_training_takes_the_same_steps():
    twin = keras.Sequential(
        [
            keras.Input((11, 3), batch_size=5),
            keras.layers.BatchNormalization(),
            keras.layers.LSTM(5, stateful=True, dropout=0.25, recurrent_dropout=0.25),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    rate: Any = keras.optimizers.schedules.CosineDecay(0.1, 7)
    twin.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    model = SequenceClassifier(parity.from_keras(twin).spec, "binary", optimizer="keras_adam")
    training = KerasStart(twin, model.spec).training(model, "float64")
    batches = random_batches(model, 3)
    first = [training.step(batch, number) for number, batch in enumerate(batches)]
    training.restart()
    again = [training.step(batch, number) for number, batch in enumerate(batches)]
    np.testing.assert_equal([step._asdict() for step in again], [step._asdict() for step in first])


def test_frozen_layers_are_refused(model):
    twin = parity.to_keras(model)
    twin.layers[-1].trainable = False
    with pytest.raises(ParityUnavailable, match=r"kernel is frozen in Keras \(trainable=False\)"):
        parity.compare(model, twin, training_steps=1)


def test_an_optimiser_that_only_keras_has_is_refused(model):
    twin = parity.to_keras(model)
    twin.compile(keras.optimizers.Ftrl(), "sparse_categorical_crossentropy")
    with pytest.raises(ParityUnavailable, match="compiled with Ftrl, which there is none of here"):
        parity.compare(model, twin, training_steps=1)


def test_an_optimiser_that_keras_lacks_is_refused():
    model = BiGRUClassifier(input_size=3, hidden_size=5, num_classes=7, optimizer="radam")
    with pytest.raises(ParityUnavailable, match="no optimiser that corresponds to 'radam'"):
        parity.compare(model, parity.to_keras(model), training_steps=1)
