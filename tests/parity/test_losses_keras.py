"""Losses and their gradients are Keras's: with the logits that it finds, and without them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.losses import LossFrom, Task, sequence_loss
from tests.nn.samples import BATCH, CLASSES, MASKS, TIME, uniform

pytestmark = pytest.mark.tensorflow
tf: Any = pytest.importorskip("tensorflow", reason="gradients are taken by TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the losses are Keras's")

TOLERANCE = 1e-12
ACTIVATIONS = {"binary": "sigmoid", "multilabel": "sigmoid", "multiclass": "softmax"}
SMOOTHINGS = [0.0, 0.1]
KINDS = [
    *(("binary", "indices"), ("multilabel", "flags")),
    *(("multiclass", "indices"), ("multiclass", "one-hot"), ("multiclass", "probabilities")),
]
WEIGHTINGS = {
    "plain": {},
    "weights": {"sample_weights": uniform(BATCH, TIME, seed=9).abs() * 3},
    "mask": {"mask": MASKS["interior"]},
    "mask and weights": {
        "mask": MASKS["interior"],
        "sample_weights": uniform(BATCH, TIME, seed=9).abs() * 3,
    },
    "empty mask": {"mask": torch.zeros(BATCH, TIME, dtype=torch.bool)},
    "weights of zero": {"sample_weights": torch.zeros(BATCH, TIME, dtype=torch.float64)},
}


def labels_of(kind: str) -> Tensor:
    """Labels of every step."""
    generator = torch.Generator().manual_seed(4)
    indices = torch.randint(0, CLASSES, (BATCH, TIME), generator=generator)
    if kind == "one-hot":
        return torch.nn.functional.one_hot(indices, CLASSES).double()
    if kind == "probabilities":
        return (uniform(BATCH, TIME, CLASSES, seed=5) * 2).softmax(-1)
    return (uniform(BATCH, TIME, CLASSES, seed=5) > 0).double() if kind == "flags" else indices


def keras_loss(task: str, kind: str, smoothing: float) -> Any:
    losses = keras.losses
    if task != "multiclass":
        return losses.BinaryCrossentropy(label_smoothing=smoothing, dtype="float64")
    if kind == "indices" and not smoothing:
        return losses.SparseCategoricalCrossentropy(dtype="float64")
    return losses.CategoricalCrossentropy(label_smoothing=smoothing, dtype="float64")


def theirs(
    task: str, kind: str, outputs: Tensor, labels: Tensor, loss_from: str, smoothing: float, **given
) -> tuple[float, np.ndarray]:
    """Loss and gradient; ``outputs`` are logits, or probabilities that nothing stands behind."""
    if task == "binary":
        labels, outputs = labels[..., None], outputs[..., None]
    elif kind == "indices" and smoothing:
        labels = torch.nn.functional.one_hot(labels, CLASSES)
    weights, mask = given.get("sample_weights"), given.get("mask")
    entry = tf.constant(outputs.numpy())
    with tf.GradientTape() as tape:
        tape.watch(entry)
        if loss_from == "logits":
            predicted = keras.activations.get(ACTIVATIONS[task])(entry)
        else:
            predicted = tf.identity(entry)
        if mask is not None:
            keras.src.backend.set_keras_mask(predicted, tf.constant(mask.numpy()))
        weights = None if weights is None else tf.constant(weights.numpy())
        loss = keras_loss(task, kind, smoothing)(tf.constant(labels.numpy()), predicted, weights)
    gradient = tape.gradient(loss, entry).numpy()
    return float(loss), gradient[..., 0] if task == "binary" else gradient


def ours(task: Task, outputs: Tensor, labels: Tensor, **settings: Any) -> tuple[float, np.ndarray]:
    outputs = outputs.clone().requires_grad_()
    loss = sequence_loss(task, outputs, labels, **settings)
    loss.backward()
    assert outputs.grad is not None
    return loss.item(), outputs.grad.numpy()


def assert_same(task: Any, kind: str, outputs: Tensor, loss_from: LossFrom, smoothing, **given):
    labels = labels_of(kind) if task != "binary" else labels_of("indices") % 2
    value, gradient = ours(
        task, outputs, labels, loss_from=loss_from, label_smoothing=smoothing, **given
    )
    expected, slope = theirs(task, kind, outputs, labels, loss_from, smoothing, **given)
    assert value == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)
    scale = max(1.0, float(np.abs(slope).max()))
    np.testing.assert_allclose(gradient, slope, rtol=0, atol=TOLERANCE * scale)


def logits_of(task: str) -> Tensor:
    """Logits, some of which no sigmoid or softmax tells from 40, or from 0 or 1."""
    shape = (BATCH, TIME) if task == "binary" else (BATCH, TIME, CLASSES)
    logits = uniform(*shape, seed=1) * 3
    logits[0, 0], logits[1, 2] = 40.0, -40.0
    if task != "binary":
        logits[0, 3, 5], logits[1, 4, 2] = 40.0, -40.0
    return logits


def probabilities_of(task: str) -> Tensor:
    """Probabilities, 0 and 1 among them, of which a model's own softmax would make other sums."""
    shape = (BATCH, TIME) if task == "binary" else (BATCH, TIME, CLASSES)
    values = (uniform(*shape, seed=1) * 3).sigmoid()
    values[0, 0], values[1, 2] = 1.0, 1e-9
    if task != "binary":
        values[0, 3, 5], values[1, 4, 2] = 1.0, 0.0
    else:
        values[0, 1], values[1, 1] = 0.0, 1 - 1e-9
    return values


@pytest.mark.parametrize("given", WEIGHTINGS.values(), ids=WEIGHTINGS)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(("task", "kind"), KINDS)
def test_from_logits(task: str, kind: str, smoothing: float, given: dict) -> None:
    assert_same(task, kind, logits_of(task), "logits", smoothing, **given)


@pytest.mark.parametrize("given", WEIGHTINGS.values(), ids=WEIGHTINGS)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(("task", "kind"), KINDS)
def test_from_probabilities(task: str, kind: str, smoothing: float, given: dict) -> None:
    assert_same(task, kind, probabilities_of(task), "probabilities", smoothing, **given)


def test_a_weight_an_example_is_keras_s_weight_with_an_axis_of_one() -> None:
    """Without that axis Keras broadcasts along time."""
    weights, labels = torch.tensor([0.5, 3.0], dtype=torch.float64), labels_of("indices")
    logits, mask = logits_of("multiclass"), MASKS["interior"]
    value, _ = ours("multiclass", logits, labels, sample_weights=weights, mask=mask)
    given = {"sample_weights": weights[:, None], "mask": mask}
    expected, _ = theirs("multiclass", "indices", logits, labels, "logits", 0.0, **given)
    assert value == pytest.approx(expected, rel=TOLERANCE)


def test_class_weights_are_those_of_fit() -> None:
    """Keras makes sample weights of them before the loss sees anything."""
    make = keras.src.trainers.data_adapters.data_adapter_utils.class_weight_to_sample_weights
    factors = np.arange(1, CLASSES + 1) / 3
    logits, by_class = logits_of("multiclass")[:, 3], dict(enumerate(factors))
    for kind in ("indices", "one-hot", "probabilities"):
        labels = labels_of(kind)[:, 3]
        weights = torch.from_numpy(make(labels.numpy(), by_class).astype("float32")).double()
        exact = torch.from_numpy(factors.astype("float32")).double()
        value, _ = ours("multiclass", logits, labels, class_weights=exact)
        given = {"sample_weights": weights}
        expected, _ = theirs("multiclass", kind, logits, labels, "logits", 0.0, **given)
        assert value == pytest.approx(expected, rel=TOLERANCE), kind


def test_losses_from_probabilities_are_bounded_where_those_from_logits_are_not() -> None:
    """So the two cannot be taken for each other: 40 against ``-log(1e-7)``."""
    logits, labels = torch.tensor([-40.0], dtype=torch.float64), torch.tensor([1])
    assert ours("binary", logits, labels)[0] == pytest.approx(40)
    bounded, gradient = ours("binary", logits.sigmoid(), labels, loss_from="probabilities")
    assert bounded == pytest.approx(-np.log(1e-7))
    assert gradient == 0
