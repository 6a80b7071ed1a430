"""The masks of a model inside TimeDistributed are Keras's, in training too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import parity

pytestmark = pytest.mark.tensorflow
tf: Any = pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the reference is Keras")
L = keras.layers

BATCH, TIME, STEPS, FEATURE, HIDDEN, WORDS = 3, 5, 7, 2, 11, 13


@pytest.fixture(autouse=True)
def double():
    """Inputs take their type from the one, layers theirs from the other."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def chain(shape, *layers):
    return keras.Sequential([keras.Input(shape), *layers])


def branches(merge, shape=(STEPS, FEATURE), then=None):
    """A Dense layer of the input merged with the input, and a layer of both."""
    inputs = keras.Input(shape)
    merged = merge()([L.Dense(shape[-1])(inputs), inputs])
    return keras.Model(inputs, then(merged) if then else merged)


def embedding(size=FEATURE):
    return L.Embedding(WORDS, size, mask_zero=True)


def each(layer):
    return L.TimeDistributed(layer)


def words(*layers):
    """Words ``(time, step)`` are embedded at once, so that the mask has an axis for the steps."""
    return chain((TIME, STEPS), embedding(), *layers, L.Flatten())


def series(*layers):
    return chain((TIME, STEPS, FEATURE), L.Masking(0.5), *layers, L.Flatten())


def sentences(*layers):
    """A mask ``(batch, time)`` alone."""
    return chain((TIME,), embedding(4), *layers, L.LSTM(3))


def inner(*layers, feature=FEATURE):
    return chain((STEPS, feature), *layers)


def penalised():
    return L.Dense(3, activity_regularizer=keras.regularizers.L2(0.3))


MODELS: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: words(each(inner(L.LSTM(HIDDEN)))),
    "both ways": lambda: words(each(inner(L.Bidirectional(L.GRU(3, return_sequences=True))))),
    "mean": lambda: words(each(inner(L.Dense(HIDDEN), L.GlobalAveragePooling1D()))),
    "model in model": lambda: words(each(inner(L.Dense(3), inner(L.LSTM(HIDDEN), feature=3)))),
    "dropped by a convolution": lambda: words(each(inner(L.Conv1D(3, 3), L.LSTM(HIDDEN)))),
    "concatenation": lambda: words(each(branches(L.Concatenate, then=L.LSTM(HIDDEN)))),
    "product": lambda: words(each(branches(L.Multiply, then=L.LSTM(HIDDEN)))),
    "attention": lambda: words(each(branches(L.Attention, then=L.GlobalAveragePooling1D()))),
    "found inside": lambda: words(each(inner(L.Masking(0.25), L.LSTM(HIDDEN)))),
    "normalisation": lambda: words(each(inner(L.BatchNormalization(), L.LSTM(HIDDEN)))),
    "after another": lambda: words(each(L.Dense(3)), each(inner(L.LSTM(HIDDEN), feature=3))),
    "values": lambda: series(each(inner(L.LSTM(HIDDEN)))),
    "values, no model": lambda: series(each(L.LSTM(HIDDEN))),
    "MLP": lambda: sentences(each(chain((4,), L.Dense(HIDDEN), L.Dense(3)))),
    "branches of an MLP": lambda: sentences(each(branches(L.Concatenate, (4,)))),
    "product in an MLP": lambda: sentences(each(branches(L.Multiply, (4,)))),
    "normalised MLP": lambda: sentences(each(chain((4,), L.Dense(3), L.BatchNormalization()))),
    "penalised MLP": lambda: sentences(each(chain((4,), penalised(), L.Activation("tanh")))),
    "unmasked inside": lambda: sentences(each(chain((4,), L.Reshape((2, 2)), L.LSTM(HIDDEN)))),
    "found inside again": lambda: sentences(
        each(L.Reshape((4, 1))), each(chain((4, 1), L.Masking(), L.LSTM(HIDDEN)))
    ),
}


def randomised(model: Any) -> Any:
    """Random weights, biases and averages too; variances stay positive."""
    random = np.random.default_rng(5)
    model.set_weights([random.uniform(0.1, 1, array.shape) for array in model.get_weights()])
    return model


def data(model: Any) -> np.ndarray:
    """Padding, sentences that are padding alone, and a valid step in every other."""
    random = np.random.default_rng(7)
    shape = (BATCH, *model.input_shape[1:])
    if len(shape) == 4:
        values = random.normal(size=shape)
        values[random.random(shape[:3]) < 0.4] = 0.5
        return values
    tokens = random.integers(0, WORDS, shape)
    tokens[0, 3:] = 0
    return tokens


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.filterwarnings("ignore:.*destroy the mask information")
def test_it_computes_what_keras_computes(build: Callable[[], Any]) -> None:
    model = randomised(build())
    ours = parity.from_keras(model)
    inputs = data(model)
    ours.eval()
    for training in (False, True):
        ours.train(training)
        theirs = np.asarray(model(inputs, training=training))
        found = ours(torch.from_numpy(inputs)).detach().numpy()
        np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-12, equal_nan=True)
        penalty = float(ours.model.regularization_loss().detach())
        assert penalty == pytest.approx(float(sum(model.losses)), rel=1e-12)
    moved = {name.split(".")[-1]: buffer for name, buffer in ours.model.named_buffers()}
    for weight in model.non_trainable_weights:
        found = moved[weight.path.split("/")[-1]].numpy()
        np.testing.assert_allclose(found, np.asarray(weight), rtol=0, atol=1e-12)


REFUSED: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: L.LSTM(HIDDEN),
    "mean": L.GlobalAveragePooling1D,
    "nested": lambda: chain((4, 1), L.LSTM(HIDDEN)),
}


@pytest.mark.parametrize("layer", REFUSED.values(), ids=REFUSED)
def test_what_keras_cannot_compute_is_refused(layer: Callable[[], Any]) -> None:
    model = sentences(each(L.Reshape((4, 1))), each(chain((4, 1), layer())))
    inputs = data(model)
    with pytest.raises((ValueError, IndexError), match=r"Exception encountered when calling"):
        model(inputs)
    with pytest.raises(ValueError, match="Inside TimeDistributed it is left of a mask"):
        parity.from_keras(model).predict(inputs)
