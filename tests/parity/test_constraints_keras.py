"""Weights satisfy their constraints after a step, with Keras's arithmetic, as Keras's do."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.nn import specs
from birnn_lightning.nn.constraints import constrained
from birnn_lightning.nn.specs import MaxNorm, MinMaxNorm, ModelSpec, Node, NonNeg, UnitNorm
from parity import from_keras
from tests.nn.samples import uniform

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="the constraints are Keras's")
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

from parity.keras_config.penalties import keras_penalty  # noqa: E402
from tests.parity.keras_steps import assert_same_step, our_step, pair, their_step  # noqa: E402

BATCH, TIME, TOKENS, CLASSES = 3, 5, 13, 7
PARTLY = MinMaxNorm(min_value=0.9, max_value=1.1, rate=0.7, axis=1)
CONSTRAINTS = [
    MaxNorm(max_value=0.7),
    MaxNorm(max_value=0.7, axis=(0, 1)),
    MinMaxNorm(min_value=0.6, max_value=0.8),
    PARTLY,
    UnitNorm(axis=-1),
    NonNeg(),
]
ARRAYS = {
    "random": uniform(5, 7, seed=3),
    "with a column and a row of zeros": uniform(5, 7, seed=4)
    * (torch.arange(7) != 3)
    * (torch.arange(5) != 2)[:, None],
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("spec", CONSTRAINTS, ids=repr)
def test_an_array(spec: specs.Constraint, array: torch.Tensor) -> None:
    theirs = keras.constraints.get(keras_penalty(spec))
    expected = np.asarray(theirs(array.numpy()))
    ours = constrained(spec, array).numpy()
    assert expected.dtype == np.float64
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-15)


def recurrent(cell: specs.CellName, size: int, **settings: Any) -> specs.Recurrent:
    return specs.Recurrent(
        cell=cell,
        hidden_size=size,
        kernel_constraint=MaxNorm(max_value=0.5),
        recurrent_constraint=PARTLY,
        **{"bias_constraint": NonNeg(), **settings},
    )


def stack_of(*layers: specs.LayerSpec) -> ModelSpec:
    embedding = specs.Embedding(
        vocab_size=TOKENS, embedding_dim=3, mask_zero=True, embeddings_constraint=UnitNorm(axis=1)
    )
    head = specs.Dense(
        units=CLASSES,
        activation="softmax",
        kernel_constraint="max_norm",  # type: ignore[arg-type]
        kernel_regularizer="l2",  # type: ignore[arg-type]
        bias_constraint=MaxNorm(max_value=0.25),
    )
    nodes = [
        Node(name="tokens", layer=specs.Input(shape=(TIME,), dtype="int64")),
        Node(name="embedding", layer=embedding),
        *(Node(name=f"layer{index}", layer=layer) for index, layer in enumerate(layers)),
        Node(name="head", layer=head),
    ]
    return ModelSpec(tuple(nodes))


SEQUENCES = {"return_sequences": True}
STACKS = {
    "two directions": stack_of(
        specs.Bidirectional(forward=recurrent("lstm", 5, **SEQUENCES)),
        # Both biases of this GRU are one array; along axis 0 a norm is of one bias and the other.
        specs.Bidirectional(forward=recurrent("gru", 2, bias_constraint=MaxNorm(max_value=0.25))),
    ),
    "one direction, and a stack": stack_of(
        recurrent("rnn", 5, **SEQUENCES),
        recurrent("gru", 5, reset_after=False, **SEQUENCES),
        specs.RecurrentStack(cells=(recurrent("lstm", 2), recurrent("gru", 5))),
    ),
    "layers of every kind": stack_of(
        specs.TimeDistributed(layer=specs.Dense(units=5, kernel_constraint=UnitNorm())),
        specs.LayerNormalization(gamma_constraint=NonNeg(), beta_constraint=UnitNorm()),
        specs.BatchNormalization(gamma_constraint=MaxNorm(max_value=1), beta_constraint=NonNeg()),
        specs.Conv1D(
            filters=2,
            kernel_size=3,
            kernel_constraint=MaxNorm(max_value=0.5, axis=(0, 1)),
            bias_constraint=NonNeg(),
        ),
        specs.PReLU(shared_axes=(1,), alpha_constraint=UnitNorm(axis=1)),
        specs.Flatten(),
    ),
}
NAMED = [pytest.param(spec, id=name) for name, spec in STACKS.items()]


def batch() -> tuple[np.ndarray, np.ndarray]:
    tokens = np.random.default_rng(5).integers(1, TOKENS, (BATCH, TIME))
    tokens[1, 3:] = tokens[2, 4:] = 0
    return tokens, np.array([3, 0, 6])


@pytest.mark.parametrize("spec", NAMED)
def test_two_steps_of_training(spec: ModelSpec) -> None:
    model, twin = pair(spec)
    for _ in range(2):
        before = {one.name: one.array().detach().clone() for one in model.model.variables()}
        ours, theirs = our_step(model, *batch()), their_step(twin, spec, *batch())
        assert_same_step(ours, theirs)
        assert not any(
            torch.equal(one.array(), before[one.name]) for one in model.model.variables()
        )


@pytest.mark.parametrize("spec", NAMED)
def test_constraints_survive_both_ways(spec: ModelSpec) -> None:
    _, twin = pair(spec)
    read = from_keras(twin).spec.to_config()
    assert list(_constraints(read)) == list(_constraints(spec.to_config()))


def _constraints(config: Any) -> Any:
    """Every constraint in a nested config, in order."""
    if isinstance(config, dict):
        own = (value for name, value in config.items() if name.endswith("_constraint"))
        return itertools.chain(own, *(_constraints(value) for value in config.values()))
    return itertools.chain(*map(_constraints, config)) if isinstance(config, list) else ()


@pytest.mark.parametrize("name", ["max_norm", "min_max_norm", "unit_norm", "non_neg"])
def test_names_and_defaults_are_those_of_keras(name: str) -> None:
    spec = specs.constraint_of(name)
    assert spec is not None
    written = keras.saving.serialize_keras_object(keras.constraints.get(name))
    assert keras_penalty(spec) == written
