"""Every layer of Keras 2 computes here what it computed, from the file that Keras 2 writes."""

import numpy as np
import pytest

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
]
tf = pytest.importorskip("tensorflow", reason="Keras 2 runs on TensorFlow alone")
k2 = pytest.importorskip("tf_keras", reason="tf_keras is Keras 2")

from tests.parity.keras_config_legacy.keras2_models import (  # noqa: E402
    DTYPE,
    difference,
    normalized,
    randomized,
)

BATCH, TIME, FEATURES, VOCABULARY = 2, 7, 3, 13
RANDOM = np.random.default_rng(11)
SEQUENCE = RANDOM.normal(size=(BATCH, TIME, FEATURES)) * 2
PADDED = np.array([[3, 1, 7, 2, 5, 0, 0], [4, 12, 0, 0, 0, 0, 0]], dtype="int32")
L = k2.layers

STACKS = {
    "lstm hard_sigmoid": lambda: [L.LSTM(5, recurrent_activation="hard_sigmoid")],
    "lstm": lambda: [L.LSTM(5, return_sequences=True)],
    "gru before": lambda: [L.GRU(5, reset_after=False, recurrent_activation="hard_sigmoid")],
    "gru after": lambda: [L.GRU(5, reset_after=True, go_backwards=True)],
    "rnn": lambda: [L.SimpleRNN(5, activation="relu", use_bias=False)],
    "cells": lambda: [L.RNN([L.GRUCell(5), L.LSTMCell(3)], return_sequences=True)],
    "bidirectional": lambda: [L.Bidirectional(L.GRU(5, return_sequences=True), merge_mode="mul")],
    "two of a kind": lambda: [
        L.Bidirectional(L.LSTM(5), backward_layer=L.LSTM(5, activation="relu", go_backwards=True))
    ],
    "backward first": lambda: [L.Bidirectional(L.LSTM(5, go_backwards=True))],
    "time distributed": lambda: [L.TimeDistributed(L.Dense(5, activation="swish"))],
    "normalised": lambda: [L.BatchNormalization(epsilon=0.1), L.LayerNormalization(axis=[2])],
    "sync": lambda: [L.BatchNormalization(synchronized=True)],
    "leaky": lambda: [L.LeakyReLU(0.1), L.PReLU(shared_axes=[1])],
    "relu": lambda: [L.ReLU(max_value=1.5, negative_slope=0.2, threshold=0.3)],
    "thresholded": lambda: [L.ThresholdedReLU(0.7)],
    "elu": lambda: [L.ELU(0.3), L.Dense(5, activation="selu"), L.Activation("gelu")],
    "softmax": lambda: [L.Softmax(), L.Dense(5, activation="hard_sigmoid")],
    "leaky as a function": lambda: [L.Dense(5, activation=L.LeakyReLU(0.2))],
    "convolution": lambda: [
        L.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="elu"),
        L.MaxPooling1D(2),
        L.UpSampling1D(3),
        L.ZeroPadding1D(2),
        L.Cropping1D((1, 2)),
        L.GlobalAveragePooling1D(),
    ],
    "shapes": lambda: [L.Permute((2, 1)), L.Reshape((TIME, FEATURES)), L.Flatten(),
                       L.RepeatVector(3), L.AveragePooling1D(2, strides=1)],
    "noise": lambda: [L.SpatialDropout1D(0.3), L.GaussianNoise(0.3), L.Dropout(0.3),
                      L.GaussianDropout(0.3), L.AlphaDropout(0.3), L.GlobalMaxPooling1D()],
    "masked": lambda: [L.Masking(), L.LSTM(5, recurrent_activation="hard_sigmoid")],
    "penalised": lambda: [
        L.Dense(5, kernel_regularizer=k2.regularizers.L1L2(0.1, 0.2), kernel_constraint="unit_norm",
                kernel_initializer=k2.initializers.VarianceScaling(2.0, "fan_in")),
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _double_precision():
    k2.backend.set_floatx(DTYPE)
    yield
    k2.backend.set_floatx("float32")


@pytest.mark.parametrize("name", STACKS)
def test_a_layer_computes_the_same(name):
    first = [k2.Input((TIME, FEATURES)), L.Dense(FEATURES)]
    model = randomized(k2.Sequential([*first, *STACKS[name]()]))
    worst, largest = difference(model, SEQUENCE)
    assert worst <= 1e-12 * max(1, largest)


def test_another_meaning_of_hard_sigmoid_is_seen():
    """The comparison can fail: Keras 3's own function gives other numbers."""
    model = randomized(k2.Sequential([k2.Input((TIME, FEATURES)), STACKS["gru before"]()[0]]))
    worst, _ = difference(model, SEQUENCE, semantics="keras3")
    assert worst > 1e-3
    assert normalized(model, semantics="keras3").notes == ()


TOKENS = {
    "last": lambda: [L.LSTM(5)],
    "sequences": lambda: [L.LSTM(5, return_sequences=True), L.Dropout(0.3), L.Dense(3)],
    "both ways": lambda: [L.Bidirectional(L.GRU(5, return_sequences=True)), L.Dense(3)],
    "stacked": lambda: [
        L.Bidirectional(L.LSTM(5, return_sequences=True)),
        L.Bidirectional(L.LSTM(3)),
    ],
    "pooled": lambda: [L.GlobalAveragePooling1D()],
    "flat": lambda: [L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Flatten(), L.Dense(3)],
    "convolved": lambda: [L.Conv1D(5, 3), L.LSTM(3)],
}


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("name", TOKENS)
def test_padded_tokens_give_the_same(name):
    stack = [L.Embedding(VOCABULARY, FEATURES, mask_zero=True, input_length=TIME), *TOKENS[name]()]
    model = randomized(k2.Sequential([k2.Input((TIME,)), *stack]))
    worst, largest = difference(model, PADDED)
    assert worst <= 1e-12 * max(1, largest)
