"""What users build, under their own names, has an equal classifier."""

import pytest

from parity import assert_parity, from_keras
from tests.parity.keras_models import (
    L,
    ending,
    keras,
    of_series,
    of_tokens,
    random_keras,
    sequential,
    series,
)

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]


def built(model, shape):
    model.build(shape)
    return model


def explicit_mask():
    entry, valid = series(), keras.Input((None,), dtype="bool", name="valid")
    tensor = L.Bidirectional(L.GRU(5, return_sequences=True), name="first")(entry, mask=valid)
    return keras.Model([entry, valid], ending(L.Bidirectional(L.LSTM(7), name="second")(tensor)))


def two_branches():
    """Inputs in another order than the layers, and layers that Keras lists by depth."""
    queries, values = keras.Input((None, 3), name="queries"), keras.Input((None, 2), name="values")
    deep = L.LSTM(5, return_sequences=True, name="deep_2")(
        L.GRU(7, return_sequences=True, name="deep_1")(queries)
    )
    flat = L.GRU(5, return_sequences=True, name="flat")(values)
    attended = L.Attention(name="attended")([deep, flat])
    return keras.Model([values, queries], ending(L.LSTM(5, name="last")(attended)))


def structured():
    entry = series()
    return keras.Model({"series": entry}, {"verdict": ending(L.GRU(5)(entry))})


USER_MODELS = {
    "own names": lambda: of_tokens(
        L.Bidirectional(L.LSTM(5, return_sequences=True), name="there_and_back"),
        L.Bidirectional(L.LSTM(7), name="again"),
    ),
    "float tokens": lambda: of_tokens(L.SimpleRNN(5), mask_zero=False),
    "int32 tokens": lambda: of_tokens(L.GRU(5), dtype="int32"),
    "sequential": lambda: sequential(
        keras.Input((None, 3)), L.Masking(0.1), L.Bidirectional(L.GRU(5))
    ),
    "sequential, built by shape": lambda: built(
        sequential(L.Embedding(23, 3, mask_zero=True), L.Bidirectional(L.SimpleRNN(5))),
        (None, None),
    ),
    "merge sum": lambda: of_series(L.Bidirectional(L.LSTM(5), merge_mode="sum")),
    "merge mul": lambda: of_series(L.Bidirectional(L.GRU(5), merge_mode="mul")),
    "merge ave, sequences": lambda: of_tokens(
        L.Bidirectional(L.SimpleRNN(5, return_sequences=True), merge_mode="ave"),
        L.GlobalMaxPooling1D(),
    ),
    "backward layer of its own": lambda: of_tokens(
        L.Bidirectional(
            L.LSTM(5, return_sequences=True),
            backward_layer=L.LSTM(
                5,
                activation="relu",
                recurrent_activation="hard_sigmoid",
                return_sequences=True,
                go_backwards=True,
            ),
        ),
        L.GlobalAveragePooling1D(),
    ),
    "two kinds of cell": lambda: of_series(
        L.Bidirectional(L.LSTM(5), backward_layer=L.GRU(5, go_backwards=True))
    ),
    "reset before": lambda: of_tokens(L.Bidirectional(L.GRU(5, reset_after=False))),
    "no bias": lambda: of_series(
        L.Bidirectional(L.GRU(5, use_bias=False, return_sequences=True)),
        L.Bidirectional(L.LSTM(5, use_bias=False, return_sequences=True)),
        L.SimpleRNN(5, use_bias=False),
    ),
    "one direction": lambda: of_tokens(L.LSTM(5, return_sequences=True), L.GRU(7)),
    "backwards, in processing order": lambda: of_tokens(
        L.GRU(5, go_backwards=True, return_sequences=True), L.LSTM(7)
    ),
    "backwards, last": lambda: of_series(L.SimpleRNN(5, go_backwards=True)),
    "masked outputs zeroed": lambda: of_tokens(L.LSTM(5, zero_output_for_mask=True)),
    "masked outputs repeated": lambda: of_tokens(
        L.LSTM(5, return_sequences=True), L.GlobalMaxPooling1D()
    ),
    "different widths": lambda: of_series(
        L.Bidirectional(L.GRU(2, return_sequences=True)),
        L.Dense(7, activation="selu"),
        L.Bidirectional(L.GRU(5, return_sequences=True)),
        L.Dropout(0.5),
        L.Bidirectional(L.GRU(3)),
    ),
    "relu": lambda: of_series(L.Bidirectional(L.SimpleRNN(5, activation="relu"))),
    "hard sigmoid": lambda: of_series(L.LSTM(5, recurrent_activation="hard_sigmoid")),
    "linear cell": lambda: of_series(L.GRU(5, activation=None)),
    "fixed time, unrolled": lambda: keras.Model(
        entry := keras.Input((13, 3)), ending(L.Bidirectional(L.LSTM(5, unroll=True))(entry))
    ),
    "training settings": lambda: of_series(
        L.GRU(
            5,
            seed=3,
            trainable=False,
            kernel_initializer="ones",
            recurrent_regularizer="l2",
            bias_constraint="non_neg",
            activity_regularizer="l1",
        )
    ),
    "self attention under a mask": lambda: keras.Model(
        entry := keras.Input((None,)),
        ending(
            L.GlobalAveragePooling1D()(
                L.Attention()([hidden := L.Embedding(23, 3, mask_zero=True)(entry), hidden])
            )
        ),
    ),
    "a mask by hand": explicit_mask,
    "two branches": two_branches,
    "inputs and outputs by name": structured,
    "no time axis": lambda: keras.Model(entry := keras.Input((3,)), ending(entry)),
    "a single unit": lambda: of_series(L.Bidirectional(L.LSTM(1))),
}


# Keras's own advice, where the user's model pools.
@pytest.mark.filterwarnings("ignore:.*destroy the mask information:UserWarning")
@pytest.mark.parametrize("build", USER_MODELS.values(), ids=USER_MODELS)
def test_a_users_model_has_an_equal_classifier(build):
    model = random_keras(build())
    report = assert_parity(from_keras(model), model, gradients=True)
    assert {row.dtype for row in report.rows} == {"float64", "float32"}
