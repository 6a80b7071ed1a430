"""Graphs of layers, with states between them and masks along them, have equal classifiers."""

import numpy as np
import pytest

from parity import ParityUnavailable, assert_parity, from_keras
from tests.parity.keras_models import L, ending, keras, of_tokens, random_keras, sequential, series

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]


def words(name="words"):
    return keras.Input((None,), name=name, dtype="int32")


def embedded(tensor, mask_zero=True):
    return L.Embedding(23, 3, mask_zero=mask_zero)(tensor)


def encoder_decoder(cell, **settings):
    """A decoder that starts from the states of an encoder and returns them too."""
    source, target = keras.Input((None, 3), name="source"), keras.Input((None, 2), name="target")
    _, *states = cell(5, return_state=True, name="encoder")(source)
    output, *after = cell(5, return_sequences=True, return_state=True, **settings)(
        target, initial_state=states
    )
    last = L.Concatenate()([L.GlobalAveragePooling1D()(output), *after])
    return keras.Model([source, target], ending(last))


def both_ways():
    """A bidirectional decoder after a bidirectional encoder, with four states between them."""
    source, target = keras.Input((None, 3), name="source"), keras.Input((None, 2), name="target")
    _, *states = L.Bidirectional(L.LSTM(5, return_state=True))(source)
    decoded = L.Bidirectional(L.LSTM(5), merge_mode="mul")(target, initial_state=states)
    return keras.Model([source, target], ending(decoded))


def stacks():
    """A stack takes the states of one cell each; the states come from layers of any kind."""
    source, state = series(), keras.Input((7,), name="state")
    first = L.Dense(5, activation="tanh")(state)
    cells = [L.GRUCell(5), L.LSTMCell(7)]
    output = L.RNN(cells)(source, initial_state=[first, [state, L.ReLU()(state)]])
    return keras.Model([source, state], ending(output))


def attention():
    """What the decoder asks, the encoder's outputs answer."""
    source, target = keras.Input((None, 3), name="source"), keras.Input((None, 2), name="target")
    encoded, *states = L.GRU(5, return_sequences=True, return_state=True)(source)
    decoded = L.GRU(5, return_sequences=True)(target, initial_state=states)
    context = L.Attention()([decoded, encoded])
    return keras.Model([source, target], ending(L.GRU(7)(L.Concatenate()([decoded, context]))))


def unmerged(sequences, order=(0, 1)):
    """The two directions part and meet again."""
    entry = words()
    directions = L.Bidirectional(L.LSTM(5, return_sequences=sequences), merge_mode=None)(
        embedded(entry)
    )
    joined = L.Concatenate()([directions[index] for index in order])
    return keras.Model(entry, ending(L.GRU(7)(joined) if sequences else joined))


def unmerged_apart():
    """A layer of its own for each direction."""
    entry = series()
    forward, backward = L.Bidirectional(L.GRU(5, return_sequences=True), merge_mode=None)(entry)
    parts = [L.LSTM(2)(forward), L.GlobalMaxPooling1D()(backward)]
    return keras.Model(entry, ending(L.Concatenate()(parts)))


def by_hand(vectors):
    return {"mask": vectors._keras_mask}


def masked_decoder(sequence, mask_of=lambda vectors: {}):
    """A decoder of masked words that starts from a state of a series."""
    source, target = series(), words()
    vectors = embedded(target)
    states = L.GRU(5)(source)
    decoder = L.GRU(5, return_sequences=sequence, name="decoder")
    decoded = decoder(vectors, initial_state=states, **mask_of(vectors))
    return keras.Model([source, target], ending(L.GRU(2)(decoded) if sequence else decoded))


GRAPHS = {
    "encoder and decoder, rnn": lambda: encoder_decoder(L.SimpleRNN),
    "encoder and decoder, lstm": lambda: encoder_decoder(L.LSTM),
    "encoder and decoder, gru": lambda: encoder_decoder(L.GRU, reset_after=False),
    "decoder backwards": lambda: encoder_decoder(L.LSTM, go_backwards=True),
    "encoder and decoder, both ways": both_ways,
    "states of a stack": stacks,
    "encoder, decoder and attention": attention,
    "unmerged": lambda: unmerged(sequences=False),
    "unmerged, other order": lambda: unmerged(sequences=False, order=(1, 0)),
    "unmerged sequences under a mask": lambda: unmerged(sequences=True, order=(1, 0)),
    "unmerged, apart": unmerged_apart,
    "initial state, mask by hand": lambda: masked_decoder(False, by_hand),
    "initial state, mask by hand, sequences": lambda: masked_decoder(True, by_hand),
    "around, sequential": lambda: sequential(
        keras.Input((13, 3)),
        L.Conv1D(7, 3, strides=2, padding="same", activation="relu"),
        L.BatchNormalization(),
        L.SpatialDropout1D(0.5),
        L.Bidirectional(L.GRU(5, return_sequences=True)),
        L.LayerNormalization(),
        L.TimeDistributed(L.Dense(2, activation="tanh")),
        L.GaussianNoise(0.5),
        L.MaxPooling1D(2),
        L.Flatten(),
        L.BatchNormalization(scale=False, center=False),
    ),
    "around, masked": lambda: of_tokens(
        L.SpatialDropout1D(0.5),
        L.TimeDistributed(L.Dense(7)),
        L.LayerNormalization(),
        L.Bidirectional(L.LSTM(5, return_sequences=True)),
        L.GlobalAveragePooling1D(),
    ),
}


@pytest.mark.filterwarnings("ignore:.*destroy the mask information:UserWarning")
@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_a_graph_has_an_equal_classifier(build):
    model = random_keras(build())
    assert assert_parity(from_keras(model), model, gradients=True).passed


def test_moving_statistics_are_random_in_these_tests():
    model = random_keras(GRAPHS["around, sequential"]())
    moving = [weight for weight in model.weights if "moving" in weight.path]
    assert len(moving) == 4
    for weight in moving:
        values = np.asarray(weight)
        assert len(np.unique(values)) == values.size
        assert (values > 0).all() == ("variance" in weight.path)


def test_a_mask_that_keras_forgets_beside_initial_states_is_refused():
    with pytest.raises(ParityUnavailable) as refused:
        from_keras(random_keras(masked_decoder(False)))
    assert "layer 'decoder' is given initial states" in str(refused.value)
    assert "Keras forgets the mask of its sequence. Give it by hand" in str(refused.value)


def test_initial_states_without_a_mask_need_none_by_hand():
    source, target = series(), words()
    decoded = L.GRU(5)(embedded(target, mask_zero=False), initial_state=L.GRU(5)(source))
    model = random_keras(keras.Model([source, target], ending(decoded)))
    assert assert_parity(from_keras(model), model, gradients=True).passed


def test_a_mixed_dtype_inside_a_stack_is_refused():
    layer = L.Bidirectional(L.RNN([L.LSTMCell(5), L.GRUCell(7, dtype="float64")]), name="mixed")
    model = keras.Sequential([keras.Input((None, 3)), layer, L.Dense(2)])
    with pytest.raises(ParityUnavailable, match="layer 'mixed': dtype 'float64'"):
        from_keras(model)
