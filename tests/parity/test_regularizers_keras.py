"""What regularisers add to the loss and to the gradients is what Keras adds."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import L1, L1L2, L2, ModelSpec, Node
from parity import from_keras

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="the twins are Keras models")
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

from parity.keras_config.table import keras_layer, layer_spec  # noqa: E402
from tests.parity.keras_steps import assert_same_step, our_step, pair, their_step  # noqa: E402

BATCH, TIME, TOKENS, CLASSES = 3, 5, 13, 7
WEIGHTS: dict[str, Any] = {
    "kernel_regularizer": L2(l2=0.03),
    "recurrent_regularizer": L1(l1=0.0625),
    "bias_regularizer": L1L2(l1=0.07, l2=0.11),
}
KERNEL_AND_BIAS = {name: WEIGHTS[name] for name in ("kernel_regularizer", "bias_regularizer")}
SEQUENCES = {"return_sequences": True}


def activity(factor: float) -> dict[str, Any]:
    return {"activity_regularizer": L1L2(l1=factor, l2=factor / 3)}


def recurrent(cell: specs.CellName, size: int, **settings: Any) -> specs.Recurrent:
    return specs.Recurrent(cell=cell, hidden_size=size, **settings)


def stack_of(*layers: specs.LayerSpec) -> ModelSpec:
    """Layers between tokens and a regularised softmax."""
    embedding = specs.Embedding(
        vocab_size=TOKENS,
        embedding_dim=3,
        mask_zero=True,
        embeddings_regularizer=L2(l2=0.13),
        **activity(0.17),
    )
    head = specs.Dense(units=CLASSES, activation="softmax", **KERNEL_AND_BIAS, **activity(0.19))
    nodes = [
        Node(name="tokens", layer=specs.Input(shape=(TIME,), dtype="int64")),
        Node(name="embedding", layer=embedding),
        *(Node(name=f"layer{index}", layer=layer) for index, layer in enumerate(layers)),
        Node(name="head", layer=head),
    ]
    return ModelSpec(tuple(nodes))


STACKS = {
    "two directions, inside and outside": stack_of(
        specs.Bidirectional(
            forward=recurrent("lstm", 5, **SEQUENCES, **WEIGHTS, **activity(0.2)), **activity(0.3)
        ),
        specs.Bidirectional(forward=recurrent("gru", 2, **WEIGHTS, **activity(0.4))),
    ),
    "directions of their own": stack_of(
        specs.Bidirectional(
            forward=recurrent("gru", 5, reset_after=False, **WEIGHTS),
            backward=recurrent("rnn", 5, go_backwards=True, **activity(0.3)),
            merge_mode="sum",
        ),
    ),
    "one direction": stack_of(
        recurrent("rnn", 5, **SEQUENCES, **WEIGHTS, **activity(0.3)),
        recurrent("lstm", 2, **SEQUENCES, **activity(0.2)),
        recurrent("gru", 5, **WEIGHTS, **activity(0.1)),
    ),
    "a stack of cells": stack_of(
        specs.RecurrentStack(
            cells=(recurrent("lstm", 5, **WEIGHTS), recurrent("gru", 2, **WEIGHTS)), **activity(0.3)
        )
    ),
    "layers of every kind": stack_of(
        specs.TimeDistributed(
            layer=specs.Dense(units=5, activation="tanh", **KERNEL_AND_BIAS), **activity(0.3)
        ),
        specs.LayerNormalization(gamma_regularizer="l2", beta_regularizer=L2(l2=0.3)),  # type: ignore[arg-type]
        specs.BatchNormalization(gamma_regularizer="l2", beta_regularizer=L1(l1=0.25)),  # type: ignore[arg-type]
        specs.Conv1D(filters=2, kernel_size=3, **KERNEL_AND_BIAS, **activity(0.2)),
        specs.PReLU(alpha_regularizer=L2(l2=0.3)),
        specs.Activation(activation="softplus", **activity(0.1)),
        specs.Flatten(),
    ),
}
NAMED = [pytest.param(spec, id=name) for name, spec in STACKS.items()]


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Tokens with padding, and labels."""
    tokens = np.random.default_rng(5).integers(1, TOKENS, (BATCH, TIME))
    tokens[1, 3:] = tokens[2, 4:] = 0
    return tokens, np.array([3, 0, 6])


@pytest.mark.parametrize("spec", NAMED)
def test_a_step_of_training(spec: ModelSpec) -> None:
    model, twin = pair(spec)
    ours, theirs = our_step(model, *batch()), their_step(twin, spec, *batch())
    assert ours.penalty > 0.1, "nothing was regularised"
    assert_same_step(ours, theirs)


@pytest.mark.parametrize("spec", NAMED[:1])
def test_evaluation_adds_the_same(spec: ModelSpec) -> None:
    model, twin = pair(spec)
    tokens, _ = batch()
    with torch.no_grad():
        model.eval()(torch.from_numpy(tokens))
    twin([tokens], training=False)
    ours = model.model.regularization_loss().item()
    assert ours == pytest.approx(float(keras.ops.sum(twin.losses)), rel=1e-12)


def test_a_frozen_weight_is_not_regularised() -> None:
    model, twin = pair(STACKS["one direction"])
    twin.get_layer("embedding").trainable = False
    model.model.layers["embedding"].requires_grad_(False)
    tokens, _ = batch()
    model(torch.from_numpy(tokens))
    twin([tokens], training=True)
    ours = model.model.regularization_loss().item()
    assert ours == pytest.approx(float(keras.ops.sum(twin.losses)), rel=1e-12)


@pytest.mark.parametrize("spec", NAMED)
def test_regularisers_survive_both_ways(spec: ModelSpec) -> None:
    _, twin = pair(spec)
    assert from_keras(twin).spec.to_config() == spec.to_config()


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2"])
def test_names_are_those_of_keras(name: str) -> None:
    kernel = keras.layers.Dense(2, kernel_regularizer=name).get_config()
    ours = specs.Dense(units=2, kernel_regularizer=name)  # type: ignore[arg-type]
    read = layer_spec("Dense", json.loads(json.dumps(kernel)))
    # Keras writes what float32 makes of the factor of L1, and uses that of every factor.
    factors = [vars(one.kernel_regularizer) for one in (ours, read)]  # type: ignore[attr-defined]
    assert factors[1] == pytest.approx(factors[0], rel=1e-7)


def test_keras_forgets_the_activity_of_a_simple_rnn() -> None:
    """So the twin of ours is an `RNN` around its cell, and such a layer is read with a warning."""
    forgetful = keras.layers.SimpleRNN(2, activity_regularizer="l2")
    forgetful(np.ones((1, 2, 3)))
    assert forgetful.losses == []
    assert keras_layer(recurrent("rnn", 2, **activity(0.1)))[0] == "RNN"
