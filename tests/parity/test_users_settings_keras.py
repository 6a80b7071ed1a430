"""Every setting of the recurrent layers, as users write it, has an equal classifier."""

from dataclasses import replace

import numpy as np
import pytest

from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack
from parity import assert_parity, from_keras
from tests.parity.keras_models import L, ending, keras, of_series, of_tokens, random_keras, series

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]

BATCH, TIME = 5, 7  # the size of the inputs that a comparison draws


def backwards(cell):
    """A Bidirectional layer whose forward layer reads from the end."""
    first, second = cell(5, go_backwards=True), cell(5)
    return L.Bidirectional(first, backward_layer=second)


def of_state(layer, index):
    """A model of one of the outputs of a layer."""
    entry = series()
    return keras.Model(entry, ending(layer(entry)[index]))


SETTINGS = {
    "dropout": lambda: of_series(L.GRU(5, dropout=0.5)),
    "recurrent dropout": lambda: of_tokens(L.Bidirectional(L.LSTM(5, recurrent_dropout=0.5))),
    "both dropouts of an rnn": lambda: of_series(
        L.SimpleRNN(5, dropout=0.25, recurrent_dropout=0.5)
    ),
    "one implementation": lambda: of_series(L.LSTM(5, implementation=1)),
    "output beside states": lambda: of_state(L.GRU(5, return_state=True), 0),
    "state of a gru": lambda: of_state(L.GRU(5, return_state=True), 1),
    "hidden state": lambda: of_state(L.LSTM(5, return_state=True), 1),
    "cell state": lambda: of_state(L.LSTM(5, return_state=True), 2),
    "state of the backward layer": lambda: of_state(
        L.Bidirectional(L.LSTM(5, return_state=True)), 4
    ),
    "state in a stack": lambda: of_state(
        L.RNN([L.LSTMCell(2), L.GRUCell(5)], return_state=True, return_sequences=True), 2
    ),
    "forward, unmerged": lambda: of_state(L.Bidirectional(L.GRU(5), merge_mode=None), 0),
    "backward, unmerged": lambda: of_state(L.Bidirectional(L.GRU(5), merge_mode=None), 1),
    "forward layer backwards, rnn": lambda: of_series(backwards(L.SimpleRNN)),
    "forward layer backwards, lstm": lambda: of_tokens(backwards(L.LSTM)),
    "forward layer backwards, gru": lambda: of_tokens(backwards(L.GRU)),
    "cell of its own": lambda: of_tokens(L.RNN(L.GRUCell(5, reset_after=False))),
    "stack": lambda: of_tokens(L.RNN([L.SimpleRNNCell(2), L.LSTMCell(5), L.GRUCell(7)])),
    "stack backwards, sequences": lambda: of_tokens(
        L.RNN([L.LSTMCell(5), L.LSTMCell(7)], go_backwards=True, return_sequences=True),
        L.GRU(2),
    ),
    "bidirectional stack": lambda: of_tokens(
        L.Bidirectional(L.RNN([L.LSTMCell(5), L.LSTMCell(7)], return_sequences=True)),
        L.Bidirectional(L.GRU(2)),
    ),
    "mish": lambda: of_series(L.GRU(5, activation="mish", recurrent_activation="hard_sigmoid")),
    "layer as activation": lambda: of_series(L.LSTM(5, activation=L.LeakyReLU(negative_slope=0.2))),
}


@pytest.mark.parametrize("build", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_supported(build):
    model = random_keras(build())
    assert assert_parity(from_keras(model), model, gradients=True).passed


def test_settings_arrive_in_the_spec():
    def stack_of(**settings):
        cells = [L.LSTMCell(5, dropout=0.25), L.GRUCell(7, recurrent_dropout=0.5)]
        return L.RNN(cells, return_sequences=True, return_state=True, **settings)

    layer = L.Bidirectional(stack_of(go_backwards=True), backward_layer=stack_of(), merge_mode=None)
    entry = series()
    model = keras.Model(entry, L.Dense(2)(layer(entry)[5]))
    _, both, _ = from_keras(random_keras(model)).spec.nodes
    stack = RecurrentStack(
        cells=(
            Recurrent(cell="lstm", hidden_size=5, dropout=0.25),
            Recurrent(cell="gru", hidden_size=7, recurrent_dropout=0.5),
        ),
        return_sequences=True,
        return_state=True,
    )
    turned = replace(stack, go_backwards=True)
    assert both.layer == Bidirectional(forward=turned, backward=stack, merge_mode=None)


def stateful_model():
    return random_keras(
        keras.Sequential(
            [
                keras.Input(batch_shape=(BATCH, TIME, 3)),
                L.GRU(2, stateful=True, return_sequences=True),
                L.Bidirectional(L.LSTM(5, stateful=True)),
                L.Dense(7),
            ]
        )
    )


def test_a_stateful_model_goes_on_where_the_last_batch_ended():
    model = stateful_model()
    classifier = from_keras(model)
    batches = np.random.default_rng(0).standard_normal((3, BATCH, TIME, 3)).astype("float32")
    ours = [classifier.predict(batch) for batch in batches]
    theirs = [np.asarray(model(batch, training=False)) for batch in batches]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    assert np.abs(classifier.predict(batches[0]) - ours[0]).max() > 0.01
    classifier.reset_states()
    np.testing.assert_array_equal(classifier.predict(batches[0]), ours[0])


def test_a_comparison_starts_a_stateful_model_from_zeros():
    model = stateful_model()
    classifier = from_keras(model)
    assert assert_parity(classifier, model, gradients=True).passed
    assert assert_parity(classifier, model, gradients=True).passed


def test_a_comparison_leaves_the_states_alone():
    model = stateful_model()
    classifier = from_keras(model)
    batch = np.random.default_rng(0).standard_normal((BATCH, TIME, 3)).astype("float32")

    def outputs():
        return classifier.predict(batch), np.asarray(model(batch, training=False))

    from_zeros = [*outputs(), *outputs()]
    classifier.reset_states()
    for layer in model.layers[:2]:
        layer.reset_states()
    between = [*outputs()]
    assert_parity(classifier, model)
    between += outputs()
    for one, other in zip(from_zeros, between, strict=True):
        np.testing.assert_array_equal(one, other)
