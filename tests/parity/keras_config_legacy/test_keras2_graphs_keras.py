"""A graph of Keras 2 computes here what it computed, from the file that Keras 2 writes."""

import numpy as np
import pytest

from parity.results import ParityUnavailable

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
SEQUENCE = np.random.default_rng(11).normal(size=(BATCH, TIME, FEATURES))
OTHER = np.random.default_rng(12).normal(size=(BATCH, TIME, FEATURES))
PADDED = np.array([[3, 1, 7, 2, 5, 0, 0], [4, 12, 0, 0, 0, 0, 0]], dtype="int32")
ALSO_PADDED = np.array([[1, 0, 0, 0, 0, 0, 0], [4, 12, 11, 9, 0, 0, 0]], dtype="int32")
L = k2.layers


@pytest.fixture(autouse=True)
def _double_precision():
    k2.backend.set_floatx(DTYPE)
    yield
    k2.backend.set_floatx("float32")


def _inner(kind):
    if kind == "sequential":
        return k2.Sequential([k2.Input((TIME, FEATURES)), L.LSTM(5), L.Dense(3)])
    x = k2.Input((TIME, FEATURES))
    return k2.Model(x, L.Dense(3)(L.GRU(5)(x)))


def _states(x, y):
    _, *states = L.Bidirectional(L.LSTM(5, return_state=True))(x)
    return [L.Bidirectional(L.LSTM(5))(y, initial_state=states)]


def _operations(x, y):
    last = (x * 2.0 + y)[:, -1]
    mean = tf.reduce_mean(1.0 - x / (y * y + 1.0), axis=1, keepdims=True)
    row = tf.squeeze(tf.concat([mean, tf.expand_dims(last, 1)], axis=1)[:, 0:1, :], [1])
    stack = tf.stack([row, tf.nn.softmax(last), tf.nn.relu(last)], axis=1)
    flat = tf.reshape(tf.transpose(stack, [0, 2, 1]), (-1, 9))
    return [flat, tf.reduce_max(tf.sigmoid(stack), axis=-1), tf.reduce_sum(tf.tanh(x), axis=[1])]


def _shared(x, y):
    layer = L.LSTM(5)
    return [L.Subtract()([layer(x), layer(y)]), L.Dot(1, normalize=True)([layer(y), layer(x)])]


def _nested(kind):
    def outputs(x, y):
        model = _inner(kind)
        return [L.Concatenate()([model(x), model(y)]), model(y)]

    return outputs


def _merged(x, y):
    both = [x, y]
    merged = [L.Add()(both), L.Multiply()(both), L.Average()(both), L.Maximum()(both)]
    return [L.Concatenate(axis=1)([*merged, L.Minimum()(both)]), L.Dot((2, 2))(both)]


def _attention(x, y):
    return [L.Attention(use_scale=True)([x, y]), L.AdditiveAttention()([x, y])]


GRAPHS = {
    "states": _states,
    "operations": _operations,
    "shared": _shared,
    "nested functional": _nested("functional"),
    "nested sequential": _nested("sequential"),
    "merged": _merged,
    "attention": _attention,
    "model per step": lambda x, y: [L.TimeDistributed(L.Dense(5))(x), L.Flatten()(y)],
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_computes_the_same(name):
    inputs = [k2.Input((TIME, FEATURES), name="left"), k2.Input((TIME, FEATURES), name="right")]
    model = randomized(k2.Model(inputs, GRAPHS[name](L.Dense(FEATURES)(inputs[0]), inputs[1])))
    worst, largest = difference(model, [SEQUENCE, OTHER])
    assert worst <= 1e-12 * max(1, largest)


def _embedded(make):
    inputs = [k2.Input((TIME,), name="left"), k2.Input((TIME,), name="right")]
    left, right = (L.Embedding(VOCABULARY, FEATURES, mask_zero=True)(one) for one in inputs)
    return randomized(k2.Model(inputs, make(left, right)))


@pytest.mark.parametrize("mask", ["embedding", "masking"])
def test_a_mask_beside_initial_states_is_kept(mask):
    if mask == "embedding":
        model = _embedded(_states)
        inputs = [PADDED, ALSO_PADDED]
    else:
        ends = [k2.Input((TIME, FEATURES)), k2.Input((TIME, FEATURES))]
        model = randomized(k2.Model(ends, _states(*(L.Masking()(one) for one in ends))))
        inputs = [SEQUENCE * (PADDED != 0)[..., None], OTHER * (ALSO_PADDED != 0)[..., None]]
    worst, largest = difference(model, inputs)
    assert worst <= 1e-12 * max(1, largest)


SAME_MASK = {
    "added": lambda x, y: L.LSTM(5)(L.Add()([x, L.Dense(FEATURES)(x)])),
    "joined": lambda x, y: L.LSTM(5)(L.Concatenate()([x, L.Dense(FEATURES)(x)])),
    "attended": lambda x, y: L.LSTM(5)(L.Attention()([x, y])),
}


@pytest.mark.parametrize("name", SAME_MASK)
def test_masks_that_mean_the_same_stay(name):
    worst, largest = difference(_embedded(SAME_MASK[name]), [PADDED, ALSO_PADDED])
    assert worst <= 1e-12 * max(1, largest)


OTHER_MASK = {
    "added": (lambda x, y: L.LSTM(5, name="reader")(L.Add()([x, y])), "reader"),
    "joined": (lambda x, y: L.LSTM(5, name="reader")(L.Concatenate()([x, y])), "reader"),
    "multiplied": (lambda x, y: L.Multiply(name="product")([x, y]), "product"),
}


@pytest.mark.parametrize("name", OTHER_MASK)
def test_a_mask_that_means_another_thing_is_refused(name):
    make, layer = OTHER_MASK[name]
    inputs = [k2.Input((TIME,), name="left"), k2.Input((TIME,), name="right")]
    left, right = (L.Embedding(VOCABULARY, FEATURES, mask_zero=True)(one) for one in inputs)
    model = k2.Model(inputs, make(left, right))
    with pytest.raises(ParityUnavailable, match=f"layer '{layer}'"):
        normalized(model)


def test_training_in_a_call_is_noted_and_left_out():
    x = k2.Input((TIME, FEATURES))
    model = randomized(k2.Model(x, L.LSTM(5, dropout=0.3, name="reader")(x, training=True)))
    (note,) = normalized(model).notes
    assert "layer 'reader' is called with training=True" in note
