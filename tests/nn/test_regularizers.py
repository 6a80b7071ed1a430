"""Penalties of outputs belong to one forward pass; a model without regularisers pays nothing."""

import copy
from typing import Any

import pytest
import torch

from birnn_lightning.nn import Masked, SequenceModel, specs
from birnn_lightning.nn.specs import L1, L2, ModelSpec, Node
from tests.nn.samples import BATCH, CLASSES, HIDDEN, INPUT, features, randomise


def model_of(**head: Any) -> SequenceModel:
    gru = specs.Recurrent(cell="gru", hidden_size=HIDDEN, activity_regularizer=L1(l1=0.5))
    spec = ModelSpec(
        (
            Node(name="x", layer=specs.Input(shape=(None, INPUT))),
            Node(name="both", layer=specs.Bidirectional(forward=gru)),
            Node(name="head", layer=specs.Dense(units=CLASSES, activation="softmax", **head)),
        )
    )
    model = SequenceModel(spec).double()
    randomise(model)
    return model


def test_the_activity_of_the_last_layer_is_that_of_its_activation() -> None:
    model = model_of(activity_regularizer=L2(l2=0.25))
    stages = model.stages([Masked(features())])
    outputs, probabilities = stages["both"].values, model.activate(stages["head"].values)
    expected = (0.5 * outputs.abs().sum() + 0.25 * probabilities.square().sum()) / BATCH
    torch.testing.assert_close(model.regularization_loss(), expected)


def test_penalties_are_of_the_last_pass_alone() -> None:
    model = model_of(kernel_regularizer=L2(l2=0.25))
    model([Masked(features(1))])
    model([Masked(features(2))])
    again = copy.deepcopy(model)
    again([Masked(features(2))])
    torch.testing.assert_close(model.regularization_loss(), again.regularization_loss())


def test_a_copy_starts_without_them() -> None:
    """They are part of a graph, which torch does not copy."""
    model = model_of()
    model([Masked(features())])
    assert model.regularization_loss() > 0
    twin = copy.deepcopy(model)
    assert twin.regularization_loss() == 0
    twin([Masked(features())])
    torch.testing.assert_close(twin.regularization_loss(), model.regularization_loss())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_every_precision_has_gradients(dtype: torch.dtype) -> None:
    model = model_of(kernel_regularizer=L2(l2=0.25), bias_regularizer="l1").to(dtype)
    model([Masked(features().to(dtype))])
    loss = model.regularization_loss()
    assert loss.dtype == dtype
    loss.backward()
    # L1 and L2 of the weights, and the outputs of both directions, reach all of them.
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_without_regularisers_nothing_is_added() -> None:
    spec = ModelSpec(
        (
            Node(name="x", layer=specs.Input(shape=(None, INPUT))),
            Node(name="head", layer=specs.Dense(units=CLASSES)),
        )
    )
    model = SequenceModel(spec)
    assert not model.is_regularized
    assert not model.is_constrained
    assert model.regularization_loss() == 0
