"""Graphs compute what Keras computes: shared layers, inner models, several inputs and outputs."""

from typing import Any

import numpy as np
import pytest
import torch

import parity
from birnn_lightning.data.batch import Batch
from birnn_lightning.nn.specs import Operation, Submodel

pytestmark = pytest.mark.tensorflow
tf: Any = pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the reference is Keras")
layers = keras.layers

BATCH, TIME, FEATURES, HIDDEN, CLASSES, WORDS = 3, 7, 5, 2, 11, 13


def two_way(hidden=HIDDEN, **settings):
    return layers.Bidirectional(layers.GRU(hidden, **settings))


def shared_layers():
    """A siamese pair: one embedding and one recurrent layer for both sides."""
    left, right = (keras.Input((TIME,), name=name) for name in ("left", "right"))
    table = layers.Embedding(WORDS, FEATURES, mask_zero=True)
    reader = two_way()
    sides = [reader(table(one)) for one in (left, right)]
    both = layers.Concatenate()([*sides, layers.Multiply()(sides), layers.Subtract()(sides)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid")(both))


def inner_models():
    """A functional encoder that is called twice, in a model whose head is Sequential."""
    steps = keras.Input((None, FEATURES))
    encoder = keras.Model(steps, two_way()(layers.Masking()(steps)), name="encoder")
    left, right = keras.Input((None, FEATURES)), keras.Input((None, FEATURES))
    head = keras.Sequential([layers.Dense(7, activation="relu"), layers.Dense(CLASSES)])
    joined = layers.Average()([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Activation("softmax")(head(joined)))


def model_on_every_step():
    """Hierarchical: an encoder of sentences on every sentence of a document."""
    words = keras.Input((TIME,), name="words")
    vectors = layers.Embedding(WORDS, FEATURES, mask_zero=True)(words)
    sentence = keras.Model(words, two_way()(vectors))
    document = keras.Input((4, TIME), name="document")
    sentences = layers.TimeDistributed(sentence)(document)
    read = layers.Bidirectional(layers.LSTM(HIDDEN))(sentences)
    return keras.Model(document, layers.Dense(CLASSES, activation="softmax")(read))


def several_outputs():
    """Tags for every step, and a class for the sequence, from one trunk; states as well."""
    steps = keras.Input((None, FEATURES), name="steps")
    sequence, state = layers.GRU(HIDDEN, return_sequences=True, return_state=True)(steps)
    tags = layers.TimeDistributed(layers.Dense(CLASSES, activation="softmax"))(sequence)
    kind = layers.Dense(1, activation="sigmoid", name="kind")(state)
    return keras.Model(steps, [tags, kind, state])


def states_between_layers():
    """An encoder's states start the decoder."""
    read, write = (keras.Input((None, size), name=f"of_{size}") for size in (FEATURES, 3))
    _, *states = layers.LSTM(HIDDEN, return_state=True)(read)
    decoded = layers.LSTM(HIDDEN, return_sequences=True)(write, initial_state=states)
    return keras.Model([read, write], layers.Dense(CLASSES, activation="softmax")(decoded))


def arithmetic():
    """Operations between layers: slices, sums, an attention by hand."""
    steps = keras.Input((TIME, FEATURES))
    sequence = layers.Bidirectional(layers.LSTM(HIDDEN, return_sequences=True))(steps)
    scores = keras.ops.softmax(layers.Dense(1)(sequence), axis=1)
    read = keras.ops.sum(scores * sequence, axis=1)
    both = keras.ops.concatenate([read, sequence[:, -1], sequence[:, 0, :]], axis=-1)
    return keras.Model(steps, layers.Dense(CLASSES, activation="softmax")(2.0 - both / 3.0))


def model_at_the_end():
    """An inner model's output is the model's; it is called twice, and its second call is last."""
    steps = keras.Input((None, FEATURES))
    inner = keras.Model(
        steps, layers.Dense(FEATURES, activation="sigmoid")(two_way(return_sequences=True)(steps))
    )
    whole = keras.Input((None, FEATURES))
    return keras.Model(whole, inner(inner(whole)))


def model_of_models():
    """Two levels of nesting, the inner one shared between them."""
    dense = keras.Sequential([keras.Input((2 * HIDDEN,)), layers.Dense(5, activation="tanh")])
    steps = keras.Input((None, FEATURES))
    middle = keras.Model(steps, dense(two_way()(steps)))
    whole = keras.Input((None, FEATURES))
    return keras.Model(whole, layers.Dense(1)(middle(whole)))


MODELS = (
    shared_layers,
    inner_models,
    model_on_every_step,
    several_outputs,
    states_between_layers,
    arithmetic,
    model_at_the_end,
    model_of_models,
)


def randomised(model):
    """The model with random weights, biases too."""
    random = np.random.default_rng(5)
    model.set_weights([random.uniform(-1, 1, array.shape) for array in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=MODELS, ids=lambda build: build.__name__)
def model(request):
    return randomised(request.param())


def test_it_computes_what_keras_computes(model):
    parity.assert_parity(parity.from_keras(model), model)


def test_there_and_back(model):
    ours = parity.from_keras(model)
    twin = parity.to_keras(ours)
    for kept, made in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.array_equal(kept, made)
    assert parity.from_keras(twin).spec.to_config() == ours.spec.to_config()


def test_the_kinds_of_nodes():
    """The models above are what they say, also for us."""
    shared = parity.from_keras(shared_layers()).spec
    kinds = [node.shares.rstrip("_0123456789") for node in shared.nodes if node.shares]
    assert kinds == ["embedding", "bidirectional"]
    inner = parity.from_keras(inner_models()).spec
    assert sum(isinstance(node.layer, Submodel) for node in inner.nodes) == 3
    assert any(isinstance(n.layer, Operation) for n in parity.from_keras(arithmetic()).spec.nodes)
    assert len(parity.from_keras(several_outputs()).spec.outputs) == 3


@pytest.mark.parametrize("build", [shared_layers, model_of_models])
def test_a_wrong_weight_is_found(build):
    """Whatever the graph, one weight that differs is a difference of an output."""
    model = randomised(build())
    ours = parity.from_keras(model)
    changed = randomised(keras.models.clone_model(model))
    weights = changed.get_weights()
    weights[0] = weights[0] + 1e-3
    changed.set_weights(weights)
    assert not parity.compare(ours, changed).passed


def test_one_output_of_several_is_trained():
    model = randomised(several_outputs())
    ours = parity.from_keras(model)
    features = np.random.default_rng(1).standard_normal((BATCH, TIME, FEATURES)).astype("float32")
    with pytest.raises(ValueError, match="the model has 3 outputs"):
        ours.training_step(Batch(torch.from_numpy(features), torch.zeros(BATCH)), 0)
    one = parity.from_keras(model, output="kind")
    assert one.task == "binary"
    assert one.predict(features).shape == (BATCH, 1)
    np.testing.assert_array_equal(one.predict(features), ours.predict(features)[1])


def test_gradients_of_inner_models_that_name_their_layers_otherwise():
    model, other = randomised(model_of_models()), randomised(model_of_models())
    names = [layer.name for layer in model._flatten_layers()]
    assert names != [layer.name for layer in other._flatten_layers()]
    report = parity.compare(parity.from_keras(model), other, gradients=True)
    report.raise_for_failures()
    assert "gradients" in [row.compared for row in report.rows]
