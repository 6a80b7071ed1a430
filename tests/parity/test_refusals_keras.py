"""What a spec cannot express is refused by name, as Keras itself writes it, and never ignored."""

from typing import Any

import numpy as np
import pytest

from parity import ParityUnavailable, from_keras

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the models are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

L = keras.layers


class Doubling(L.Layer):
    def call(self, inputs):
        return 2 * inputs


class OwnCell(L.GRUCell):
    pass


class Subclassed(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.last = L.LSTM(5)

    def call(self, inputs):
        return self.last(inputs)


def identity(x):
    return x


def entry():
    return keras.Input((None, 3), name="series")


def of_series(apply):
    series = entry()
    return keras.Model(series, apply(series))


def of_batch(apply):
    series = keras.Input(batch_shape=(2, 7, 3), name="series")
    return keras.Model(series, apply(series))


def sequence(tensor):
    return L.LSTM(5, return_sequences=True, name="first")(tensor)


def low_rank(tensor):
    dense = L.Dense(5, name="adapted")
    output = dense(L.LSTM(5)(tensor))
    dense.enable_lora(1)
    return output


def with_mask(apply, reverse=False):
    def build():
        series, valid = entry(), keras.Input((None,), dtype="bool", name="valid")
        inputs = [valid, series] if reverse else [series, valid]
        return keras.Model(inputs, apply(series, valid))

    return build


MODELS = {
    "Lambda": (lambda: of_series(lambda x: L.LSTM(5)(L.Lambda(lambda v: v)(x))), "class Lambda"),
    "custom layer": (lambda: of_series(lambda x: L.LSTM(5)(Doubling()(x))), "class Doubling"),
    "operation": (
        lambda: of_series(lambda x: L.LSTM(5)(keras.ops.sort(x))),
        "operation Sort is not supported",
    ),
    "operation over the batch": (
        lambda: of_series(lambda x: keras.ops.flip(L.LSTM(5)(x), axis=0)),
        "every example must be computed by itself",
    ),
    "subclassed model inside": (lambda: of_series(Subclassed(name="inner")), "class Subclassed"),
    "subclassed model": (Subclassed, "class Subclassed is not supported"),
    "function as activation": (
        lambda: of_series(L.LSTM(5, activation=identity, name="mine")),
        "LSTM layer 'mine': activation 'identity' is not supported",
    ),
    "layer as activation": (
        lambda: of_series(lambda x: L.Dense(5, activation=L.LeakyReLU())(L.LSTM(5)(x))),
        "activation LeakyReLU(negative_slope=0.3",
    ),
    "unknown activation": (
        lambda: of_series(lambda x: L.Dense(6, activation="glu", name="mine")(L.GRU(5)(x))),
        "Dense layer 'mine': activation 'glu'",
    ),
    "own cell": (
        lambda: of_series(L.RNN([L.LSTMCell(5), OwnCell(7)], name="mine")),
        "RNN layer 'mine': a cell of class OwnCell is not supported",
    ),
    "constant initial state": (
        lambda: of_batch(lambda x: L.GRU(5, name="last")(x, initial_state=np.ones((2, 5)))),
        "layer 'last' is called with initial_state=",
    ),
    "channels first": (
        lambda: of_series(L.GlobalMaxPooling1D(data_format="channels_first")),
        "data_format='channels_first'",
    ),
    "causal attention": (
        lambda: of_series(lambda x: L.GRU(5)(L.Attention()([x, x], use_causal_mask=True))),
        "use_causal_mask=True",
    ),
    "dropout in inference": (
        lambda: of_series(lambda x: L.GRU(5)(L.Dropout(0.5, name="drop")(x, training=True))),
        "layer 'drop' is called with training=True",
    ),
    "low-rank adapter": (lambda: of_series(low_rank), "lora_rank=1"),
    "mixed precision": (
        lambda: of_series(L.GRU(5, dtype="mixed_bfloat16", name="mine")),
        "layer 'mine': dtype 'mixed_bfloat16'",
    ),
    "half precision": (lambda: of_series(L.GRU(5, dtype="float16")), "dtype 'float16'"),
    "two precisions": (
        lambda: of_series(lambda x: L.Dense(5, dtype="float64", name="mine")(L.GRU(5)(x))),
        "layer 'mine': dtype 'float64'",
    ),
    "wrapper of another precision": (
        lambda: keras.Sequential(
            [keras.Input((None, 3), dtype="float64"), L.Bidirectional(L.GRU(5), dtype="float64")]
        ),
        "dtype 'float32'",
    ),
    "a cell of another precision": (
        lambda: of_series(L.RNN([L.LSTMCell(5), L.GRUCell(7, dtype="float64")], name="mine")),
        "layer 'mine': dtype 'float64'",
    ),
    "stacked cells of another precision": (
        lambda: keras.Sequential(
            [
                keras.Input((None, 3), dtype="float64"),
                L.RNN([L.LSTMCell(5, dtype="float64")] * 2, dtype="float64", name="mine"),
            ]
        ),
        "layer 'mine': dtype 'float32'",
    ),
    "whole numbers as features": (
        lambda: keras.Sequential([keras.Input((None, 3), dtype="int32", name="n"), L.GRU(5)]),
        "input 'n': dtype 'int32'",
    ),
    "mask on the second layer alone": (
        with_mask(lambda x, mask: L.GRU(5)(sequence(x), mask=mask)),
        "layer 'first' has a mask",
    ),
    "mask before the features": (
        with_mask(lambda x, mask: L.GRU(5)(x, mask=mask), reverse=True),
        "the model takes valid, series; of these valid is a mask",
    ),
    "mask by position": (
        with_mask(lambda x, mask: L.GRU(5, name="last")(x, None, mask)),
        "layer 'last' is called with",
    ),
    "mask of one's own": (
        lambda: of_series(lambda x: L.GRU(5, name="last")(x, mask=keras.ops.any(x > 0.0, axis=-1))),
        "layer 'last' has a mask",
    ),
    "second masking layer": (
        lambda: of_series(lambda x: L.GRU(5, name="last")(L.Masking(5.0)(L.Masking(0.0)(x)))),
        "layer 'last' has a mask",
    ),
    "no weights": (lambda: of_series(L.GlobalMaxPooling1D()), "has no weights"),
    "nothing built": (lambda: keras.Sequential([L.GRU(5)]), "must be built"),
}


@pytest.mark.parametrize(("build", "text"), MODELS.values(), ids=MODELS)
def test_a_model_is_refused_by_name(build, text):
    with pytest.raises(ParityUnavailable) as refused:
        from_keras(build())
    assert text in str(refused.value)
    assert len(str(refused.value)) < 500
