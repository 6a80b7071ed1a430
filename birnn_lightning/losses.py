"""The loss of each task, from logits, averaged over examples and not over weights, as in Keras."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Task = Literal["binary", "multiclass", "multilabel", "regression"]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "multilabel", "regression")


def sequence_loss(
    task: Task,
    logits: Tensor,
    labels: Tensor,
    *,
    mask: Tensor | None = None,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The mean loss of a batch; with a mask ``sum(loss * mask) / sum(mask)`` as in Keras.

    Args:
        task: binary, multilabel: sigmoid cross-entropy; multiclass: softmax cross-entropy;
            regression: squared error.
        logits: ``(batch,)`` or ``(batch, time)`` for binary, with a class axis behind otherwise.
        labels: ``(batch,)`` or ``(batch, time)`` class indices; for multilabel and regression the
            logits' shape.
        mask: ``(batch, time)``: which steps count; only where every step has a label.
        class_weights: ``(classes,)``: factor of an example's loss by its class (binary: of classes
            0 and 1; multilabel: of each label's term). The mean still divides by the number of
            examples, as Keras's ``sum_over_batch_size`` does and torch's weighted mean does not.
        label_smoothing: s in ``y (1 - s) + s / 2`` (binary, multilabel) or ``y (1 - s) + s / C``
            (multiclass, C classes).

    Returns:
        A scalar.

    Raises:
        ValueError: the shape of the labels does not fit.
    """
    losses = _element_losses(task, logits, labels, class_weights, label_smoothing)
    if mask is None:
        return losses.mean()
    weights = mask.to(losses.dtype)
    return (losses * weights).sum() / weights.sum()


def _element_losses(
    task: Task,
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
) -> Tensor:
    """One loss an example, or a step of it."""
    if task == "multiclass":
        losses = functional.cross_entropy(
            logits.movedim(-1, 1), labels, reduction="none", label_smoothing=label_smoothing
        )
        return losses if class_weights is None else losses * class_weights[labels]
    if task == "regression":
        if labels.shape != logits.shape:
            raise ValueError(
                f"labels must have the logits' shape {tuple(logits.shape)}; "
                f"got {tuple(labels.shape)}."
            )
        return torch.mean((logits - labels.to(logits.dtype)) ** 2, dim=-1)
    targets = labels.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if task == "binary":
        return losses if class_weights is None else losses * class_weights[labels.long()]
    return torch.mean(losses if class_weights is None else losses * class_weights, dim=-1)
