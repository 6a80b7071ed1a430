"""Weights are copied either way between equal models, whatever the names, or nothing is."""

import numpy as np
import pytest

from parity import ParityUnavailable, assert_parity, compare, copy_weights, from_keras
from parity.suite.cases import Case
from tests.parity.keras_models import L, keras, of_series, random_keras, state_bytes

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]


def user_twin(units=5, classes=7, features=3):
    """The layers of a preset under other names."""
    entry = keras.Input((None, features), name="series")
    tensor = L.Bidirectional(L.GRU(units, return_sequences=True), name="lower")(entry)
    tensor = L.Dropout(0.5, name="noise")(tensor)
    tensor = L.Bidirectional(L.GRU(5), name="upper")(tensor)
    tensor = L.Dropout(0.5, name="more_noise")(tensor)
    return random_keras(keras.Model(entry, L.Dense(classes, activation="softmax")(tensor)))


def test_weights_go_both_ways_between_different_names():
    model, theirs = Case(cell="gru", inputs="features").build(), user_twin()
    assert not compare(model, theirs).passed
    copy_weights(model, theirs)
    assert_parity(model, theirs)
    copy_weights(random_keras(theirs, seed=5), model)
    assert_parity(model, theirs)


MISFITS = {
    "another depth": (lambda: of_series(L.GRU(5)), "have 6 and 3 layers"),
    "another width": (lambda: user_twin(units=2), "layer 'bidirectional_1' differs from Keras"),
    "another head": (lambda: user_twin(classes=11), "layer 'head' differs from Keras layer"),
    "other features": (lambda: user_twin(features=2), "has the shape"),
}


@pytest.mark.parametrize(("build", "text"), MISFITS.values(), ids=MISFITS)
def test_a_refused_copy_leaves_both_models_alone(build, text):
    model = Case(cell="gru", inputs="features").build()
    theirs = random_keras(build())
    before, their_weights = state_bytes(model), theirs.get_weights()
    for source, target in ((model, theirs), (theirs, model)):
        with pytest.raises(ParityUnavailable, match=text):
            copy_weights(source, target)
    assert state_bytes(model) == before
    for old, new in zip(their_weights, theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_copy_between_wirings_is_refused():
    def attention(query, value):
        a, b = keras.Input((None, 3), name="a"), keras.Input((None, 3), name="b")
        tensors = {"a": a, "b": b}
        both = L.Attention(name="both")([tensors[query], tensors[value]])
        return keras.Model([a, b], L.GRU(5, name="last")(both))

    model = from_keras(random_keras(attention("a", "b")))
    with pytest.raises(
        ParityUnavailable, match="'both' takes a, b, but Keras layer 'both' takes b, a"
    ):
        copy_weights(model, attention("b", "a"))


def test_a_copy_needs_one_of_ours():
    theirs = user_twin()
    with pytest.raises(TypeError, match="SequenceClassifier on one side; got Functional and"):
        copy_weights(theirs, theirs)
