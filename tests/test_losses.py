"""Each task's loss is its formula, and its mean is over examples."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.losses import Task, check_loss_settings, sequence_loss
from parity.oracle.activations import log_softmax
from tests.nn.samples import BATCH, CLASSES, MASKS, TIME, uniform

TOLERANCE = 1e-14
CLASS_LABELS = torch.tensor([[3, 10, 0, 3, 7, 1, 2], [5, 5, 9, 4, 8, 6, 10]])
BINARY_LABELS = torch.tensor([[1, 0, 0, 1, 1, 0, 1], [0, 0, 1, 1, 0, 1, 0]])


def multiclass_losses(
    logits: np.ndarray, labels: np.ndarray, smoothing: float, weights: np.ndarray
) -> np.ndarray:
    """``-Σ target · log p`` with ``target = y (1 - s) + s / C``, times the weight of the class."""
    targets = np.eye(CLASSES)[labels] * (1 - smoothing) + smoothing / CLASSES
    return -(targets * log_softmax(logits)).sum(-1) * weights[labels]


def sigmoid_losses(logits: np.ndarray, labels: np.ndarray, smoothing: float) -> np.ndarray:
    """``-t log σ(x) - (1 - t) log σ(-x)`` with ``t = y (1 - s) + s / 2``."""
    targets = labels * (1 - smoothing) + smoothing / 2
    return targets * np.logaddexp(0, -logits) + (1 - targets) * np.logaddexp(0, logits)


WEIGHTS = {"plain": np.ones(CLASSES), "weighted": np.arange(1, CLASSES + 1) / 3}
SMOOTHINGS = [0.0, 0.1]


def loss(task: Task, logits: Tensor, labels: Tensor, **settings: Any) -> float:
    return float(sequence_loss(task, logits, labels, **settings))


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_multiclass(smoothing: float, name: str) -> None:
    logits, labels, weights = uniform(TIME, CLASSES, seed=1), CLASS_LABELS[0], WEIGHTS[name]
    expected = multiclass_losses(logits.numpy(), labels.numpy(), smoothing, weights)
    settings = {"label_smoothing": smoothing, "class_weights": torch.from_numpy(weights)}
    ours = loss("multiclass", logits, labels, **settings)
    assert ours == pytest.approx(expected.sum() / TIME, abs=TOLERANCE), "not divided by N"


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("weights", [[1.0, 1.0], [0.25, 3.0]], ids=["plain", "weighted"])
def test_binary(smoothing: float, weights: list[float]) -> None:
    logits, labels = uniform(TIME, seed=1) * 3, BINARY_LABELS[0]
    losses = sigmoid_losses(logits.numpy(), labels.numpy(), smoothing)
    expected = losses * np.array(weights)[labels.numpy()]
    settings = {
        "label_smoothing": smoothing,
        "class_weights": torch.tensor(weights, dtype=torch.float64),
    }
    ours = loss("binary", logits, labels, **settings)
    assert ours == pytest.approx(expected.sum() / TIME, abs=TOLERANCE)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("name", WEIGHTS)
def test_multilabel(smoothing: float, name: str) -> None:
    logits, labels = (
        uniform(TIME, CLASSES, seed=1) * 3,
        (uniform(TIME, CLASSES, seed=2) > 0).double(),
    )
    losses = sigmoid_losses(logits.numpy(), labels.numpy(), smoothing)
    expected = (losses * WEIGHTS[name]).mean(-1)
    settings = {
        "label_smoothing": smoothing,
        "class_weights": torch.from_numpy(WEIGHTS[name]),
    }
    ours = loss("multilabel", logits, labels, **settings)
    assert ours == pytest.approx(expected.sum() / TIME, abs=TOLERANCE)


def test_regression() -> None:
    logits, labels = uniform(TIME, CLASSES, seed=1), uniform(TIME, CLASSES, seed=2)
    expected = ((logits - labels) ** 2).numpy().mean()
    assert loss("regression", logits, labels) == pytest.approx(expected, abs=TOLERANCE)


MASKED: list[Any] = [
    pytest.param("binary", (), BINARY_LABELS, id="binary"),
    pytest.param("multiclass", (CLASSES,), CLASS_LABELS, id="multiclass"),
    pytest.param(
        "multilabel",
        (CLASSES,),
        (uniform(BATCH, TIME, CLASSES, seed=3) > 0).double(),
        id="multilabel",
    ),
    pytest.param("regression", (CLASSES,), uniform(BATCH, TIME, CLASSES, seed=3), id="regression"),
]


@pytest.mark.parametrize("name", ["nothing masked", "right", "interior", "one valid step"])
@pytest.mark.parametrize(("task", "shape", "labels"), MASKED)
def test_a_mask_is_the_valid_steps_alone(
    task: Task, shape: tuple[int, ...], labels: Tensor, name: str
) -> None:
    logits, mask = uniform(BATCH, TIME, *shape, seed=1), MASKS[name]
    ours = loss(task, logits, labels, mask=mask)
    assert ours == pytest.approx(loss(task, logits[mask], labels[mask]), abs=TOLERANCE)
    assert name == "nothing masked" or abs(ours - loss(task, logits, labels)) > 1e-6


def test_class_weights_follow_the_class_of_each_step() -> None:
    logits, mask = uniform(BATCH, TIME, CLASSES, seed=1), MASKS["interior"]
    weights = torch.from_numpy(WEIGHTS["weighted"])
    ours = loss("multiclass", logits, CLASS_LABELS, mask=mask, class_weights=weights)
    theirs = loss("multiclass", logits[mask], CLASS_LABELS[mask], class_weights=weights)
    assert ours == pytest.approx(theirs, abs=TOLERANCE)


def test_weights_divide_by_the_examples_and_not_by_themselves() -> None:
    logits, labels = uniform(TIME, CLASSES, seed=1), CLASS_LABELS[0]
    weights = torch.from_numpy(WEIGHTS["weighted"])
    ours = loss("multiclass", logits, labels, class_weights=weights)
    torchs = float(torch.nn.functional.cross_entropy(logits, labels, weights))
    assert ours == pytest.approx(torchs * float(weights[labels].sum()) / TIME, abs=TOLERANCE)
    assert abs(ours - torchs) > 1e-2


@pytest.mark.parametrize("sign", [-1, 1])
def test_far_logits_keep_their_loss_and_gradient(sign: int) -> None:
    """Keras on TensorFlow: 40.0 at logit -40 of a positive example."""
    logits = torch.tensor([sign * 40.0], dtype=torch.float64, requires_grad=True)
    value = sequence_loss("binary", logits, torch.tensor([int(sign < 0)]))
    value.backward()
    assert value.item() == pytest.approx(40.0)
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(sign)


@pytest.mark.parametrize(
    ("task", "logits", "labels"),
    [
        pytest.param("regression", (TIME, 1), (TIME,), id="regression"),
        pytest.param("multilabel", (TIME, CLASSES), (TIME,), id="multilabel"),
        pytest.param("binary", (TIME,), (TIME, 1), id="binary"),
    ],
)
def test_labels_of_another_shape_are_refused(task: Task, logits: tuple, labels: tuple) -> None:
    """They would be broadcast to a loss of every example against every other."""
    with pytest.raises(ValueError, match=r"shape|size"):
        sequence_loss(task, torch.zeros(logits), torch.zeros(labels))


SAMPLES = torch.tensor([0.5, 3.0], dtype=torch.float64)


def test_weights_change_the_losses_and_not_the_count() -> None:
    logits, labels = uniform(BATCH, TIME, CLASSES, seed=1), CLASS_LABELS
    mask = MASKS["interior"]
    losses = multiclass_losses(logits.numpy(), labels.numpy(), 0.0, WEIGHTS["plain"])
    expected = (losses * SAMPLES.numpy()[:, None] * mask.numpy()).sum() / mask.sum().item()
    settings = {"mask": mask, "sample_weights": SAMPLES}
    ours = loss("multiclass", logits, labels, **settings)
    assert ours == pytest.approx(expected, abs=TOLERANCE)


def test_a_mask_that_leaves_nothing_gives_no_loss_and_no_gradient() -> None:
    logits = uniform(BATCH, TIME, CLASSES, seed=1).requires_grad_()
    total = sequence_loss("multiclass", logits, CLASS_LABELS, mask=MASKS["all rows empty"])
    total.backward()
    assert total == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("shape", [(TIME,), (TIME, BATCH), (BATCH, TIME, 1), ()])
def test_weights_of_another_shape_are_refused(shape: tuple) -> None:
    message = f"sample_weights must have the shape (2,) or (2, 7); got {shape}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        loss("binary", torch.zeros(BATCH, TIME), BINARY_LABELS, sample_weights=torch.ones(shape))


def test_half_precision_has_losses_from_probabilities() -> None:
    """In bfloat16 itself ``1 - 1e-7`` is 1, and the loss of a 0 there infinite."""
    probabilities = torch.ones(TIME, dtype=torch.bfloat16)
    ours = loss("binary", probabilities, torch.zeros(TIME), loss_from="probabilities")
    assert ours == pytest.approx(-np.log(1e-7), rel=2e-2)


@pytest.mark.parametrize(
    ("task", "loss_from", "message"),
    [
        ("binary", "odds", "loss_from must be 'logits' or 'probabilities'; got 'odds'."),
        (
            "regression",
            "probabilities",
            "loss_from='probabilities' is for classes; the squared error of a regression has no "
            "probabilities. Leave it out.",
        ),
    ],
)
def test_settings_that_do_not_fit(task: Task, loss_from: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_loss_settings(task, 2, None, 0.0, loss_from)
