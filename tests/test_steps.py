"""What a batch adds to training under a real Trainer: weights, penalties, constraints."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from birnn_lightning import SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.losses import sequence_loss
from birnn_lightning.nn.specs import L2, Dense, Input, MaxNorm, ModelSpec, Node
from tests.nn.samples import BATCH, CLASSES, INPUT, randomise, uniform
from tests.nn.training import loader_of, quiet_trainer

LABELS = torch.tensor([3, 10])
WEIGHTS = torch.tensor([0.25, 3.0], dtype=torch.float64)
KERNEL = L2(l2=0.25)


def classifier(head: Dense, **settings: Any) -> SequenceClassifier:
    nodes = (Node(name="x", layer=Input(shape=(INPUT,))), Node(name="head", layer=head))
    model = SequenceClassifier(ModelSpec(nodes), **settings).double()
    randomise(model)
    return model


def softmax(**settings: Any) -> Dense:
    return Dense(units=CLASSES, activation="softmax", **settings)


def batch(labels: Tensor = LABELS) -> Batch:
    return Batch(uniform(BATCH, INPUT, seed=1), labels, sample_weights=WEIGHTS)


def kernel_of(model: SequenceClassifier) -> Tensor:
    return model.model.variables()[0].array().detach().clone()


@pytest.mark.parametrize("stage", ["train", "val", "test"])
def test_the_reported_loss_has_weights_and_penalties(stage: str, tmp_path: Path) -> None:
    model = classifier(softmax(kernel_regularizer=KERNEL))
    logits = model(batch().inputs).detach()
    expected = sequence_loss("multiclass", logits, LABELS, sample_weights=WEIGHTS)
    expected = expected + 0.25 * kernel_of(model).square().sum()
    trainer = quiet_trainer(tmp_path, max_steps=1, precision="64-true")
    loader = loader_of(batch())
    if stage == "train":
        trainer.fit(model, loader, loader)
    else:
        {"val": trainer.validate, "test": trainer.test}[stage](model, loader)
    assert float(trainer.callback_metrics[f"{stage}_loss"]) == pytest.approx(float(expected))


def test_validation_does_not_weigh_classes(tmp_path: Path) -> None:
    """As in Keras, whose ``fit`` applies ``class_weight`` to the training data."""
    factors = [float(index + 2) for index in range(CLASSES)]
    plain, weighted = (classifier(softmax(), class_weights=one) for one in (None, factors))
    weighted.load_state_dict(plain.state_dict())
    reported = [
        quiet_trainer(tmp_path, precision="64-true").validate(
            model, loader_of(batch()), verbose=False
        )[0]["val_loss"]
        for model in (plain, weighted)
    ]
    assert reported[0] == pytest.approx(reported[1], rel=1e-12)
    assert float(weighted.loss(batch()).detach()) > 2 * float(plain.loss(batch()).detach())


def test_labels_may_be_probabilities(tmp_path: Path) -> None:
    one_hot = torch.nn.functional.one_hot(LABELS, CLASSES).double()
    values = []
    for labels in (LABELS, one_hot):
        torch.manual_seed(0)
        model = classifier(softmax())
        trainer = quiet_trainer(tmp_path, max_steps=1, precision="64-true")
        trainer.fit(model, loader_of(batch(labels)), loader_of(batch(labels)))
        values.append({name: float(value) for name, value in trainer.callback_metrics.items()})
    assert values[0] == pytest.approx(values[1], rel=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "keras_sgd", "keras_adam"])
def test_constraints_hold_after_every_step(optimizer: str, tmp_path: Path) -> None:
    model = classifier(
        softmax(kernel_constraint=MaxNorm(max_value=0.25)), optimizer=optimizer, learning_rate=0.5
    )
    before = kernel_of(model).norm(dim=0)
    assert (before > 0.25).any()
    trainer = quiet_trainer(tmp_path, max_steps=2, precision="64-true")
    trainer.fit(model, loader_of(batch(), batch()), loader_of(batch()))
    norms = kernel_of(model).norm(dim=0)
    assert (norms <= 0.25).all(), norms
    assert (norms > 0.2).any()


def test_without_constraints_an_optimiser_has_nothing_to_do_after_its_step() -> None:
    model = classifier(softmax())
    optimizer = model.constrained(torch.optim.SGD(model.parameters()))
    assert not optimizer._optimizer_step_post_hooks


def test_a_loss_from_probabilities_is_clipped() -> None:
    model = classifier(softmax(kernel_regularizer=KERNEL), loss_from="probabilities")
    with torch.no_grad():
        model.model.layers["head"].bias.copy_(torch.arange(CLASSES) * 40.0)  # type: ignore[union-attr]
    bounded = float(model.loss(Batch(batch().inputs, LABELS - 1)).detach())
    penalty = float(model.model.regularization_loss().detach())
    assert bounded - penalty == pytest.approx(-torch.tensor(1e-7).log().item(), rel=1e-4)


def test_a_checkpoint_keeps_regularisers_constraints_and_loss(tmp_path: Path) -> None:
    head = softmax(kernel_regularizer=KERNEL, bias_constraint=MaxNorm(max_value=0.25, axis=(0,)))
    model = classifier(head, loss_from="probabilities", class_weights=[1.0] * CLASSES)
    trainer = quiet_trainer(tmp_path, max_steps=1, precision="64-true")
    trainer.fit(model, loader_of(batch()), loader_of(batch()))
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    back = SequenceClassifier.load_from_checkpoint(tmp_path / "model.ckpt")
    assert back.to_config() == model.to_config()
    layer = back.spec.output.layer
    assert isinstance(layer, Dense)
    assert (layer.kernel_regularizer, layer.bias_constraint) == (KERNEL, head.bias_constraint)
    assert back.loss_from == "probabilities"
    assert replace(layer, kernel_regularizer=None) == layer
