"""The loss of each task with Keras's arithmetic: a mean over examples, not over weights."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Task = Literal["binary", "multiclass", "multilabel", "regression"]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "multilabel", "regression")
LossFrom = Literal["logits", "probabilities"]
KERAS_EPSILON = 1e-7
"""How far from 0 and 1 Keras keeps a probability before it takes the logarithm."""


def sequence_loss(
    task: Task,
    outputs: Tensor,
    labels: Tensor,
    *,
    mask: Tensor | None = None,
    sample_weights: Tensor | None = None,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    loss_from: LossFrom = "logits",
) -> Tensor:
    """The mean loss of a batch: ``sum(loss * weight * mask) / count``.

    The count is that of all losses, or of those that the mask leaves; it does not depend on the
    weights (Keras's ``sum_over_batch_size``). Where the mask leaves nothing the loss is 0.

    Args:
        task: binary, multilabel: sigmoid cross-entropy; multiclass: softmax cross-entropy;
            regression: squared error.
        outputs: ``(batch,)`` or ``(batch, time)`` for binary, with a class axis behind otherwise.
        labels: ``(batch,)`` or ``(batch, time)`` class indices; for multilabel and regression the
            outputs' shape; for multiclass also probabilities of that shape.
        mask: ``(batch, time)``: which steps count; only where every step has a label.
        sample_weights: ``(batch,)``, or ``(batch, time)`` where every step has a label.
        class_weights: ``(classes,)``: factor of an example's loss by its class (binary: of classes
            0 and 1; multilabel: of each label's term; probabilities: of the most probable class).
        label_smoothing: s in ``y (1 - s) + s / 2`` (binary, multilabel) or ``y (1 - s) + s / C``
            (multiclass, C classes).
        loss_from: ``"logits"``; or ``"probabilities"``, which are kept `KERAS_EPSILON` away from 0
            and 1, and brought to the sum 1: after that for class indices, before it for labels that
            are probabilities or smoothed.

    Returns:
        A scalar.

    Raises:
        ValueError: the shape of the labels or of the weights does not fit.
    """
    if loss_from == "probabilities":  # whose distance from 1 half precision does not have
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    losses = _element_losses(task, outputs, labels, class_weights, label_smoothing, loss_from)
    if sample_weights is not None:
        losses = losses * _fitting(sample_weights, losses)
    if mask is None:
        return losses.mean()
    valid = mask.to(losses.dtype)
    return (losses * valid).sum() / valid.sum().clamp(min=1)


def check_loss_settings(
    task: str,
    num_classes: int,
    class_weights: Sequence[float] | None,
    label_smoothing: float,
    loss_from: str,
) -> None:
    """Raises ValueError where the settings of a loss do not fit; see `sequence_loss`."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1); got {label_smoothing}.")
    if class_weights is not None and len(class_weights) != num_classes:
        raise ValueError(
            f"class_weights must have {num_classes} numbers, one a class; got {len(class_weights)}."
        )
    if loss_from not in ("logits", "probabilities"):
        raise ValueError(f"loss_from must be 'logits' or 'probabilities'; got {loss_from!r}.")
    if task == "regression" and loss_from != "logits":
        raise ValueError(
            f"loss_from={loss_from!r} is for classes; the squared error of a regression has no "
            "probabilities. Leave it out."
        )


def class_indices(task: Task, outputs: Tensor, labels: Tensor) -> Tensor:
    """Labels as class indices, where those of a multiclass task are probabilities."""
    by_class = task == "multiclass" and labels.dim() == outputs.dim()
    return labels.argmax(-1) if by_class else labels


def _fitting(weights: Tensor, losses: Tensor) -> Tensor:
    """Weights that multiply the losses ``(batch[, time])``."""
    allowed = [tuple(losses.shape[:axes]) for axes in range(1, losses.dim() + 1)]
    if tuple(weights.shape) not in allowed:
        shapes = " or ".join(map(str, allowed))
        raise ValueError(
            f"sample_weights must have the shape {shapes}; got {tuple(weights.shape)}. "
            "Give one weight an example, or one a step where every step has a label."
        )
    return weights.to(losses).view(*weights.shape, *(1,) * (losses.dim() - weights.dim()))


def _element_losses(
    task: Task,
    outputs: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
    loss_from: LossFrom,
) -> Tensor:
    """One loss an example, or a step of it."""
    if task == "multiclass":
        losses = _softmax_losses(outputs, labels, label_smoothing, loss_from)
        indices = class_indices(task, outputs, labels)
        return losses if class_weights is None else losses * class_weights[indices]
    if task == "regression":
        _check_same_shape(outputs, labels)
        return torch.mean((outputs - labels.to(outputs.dtype)) ** 2, dim=-1)
    targets = _smoothed(labels.to(outputs.dtype), label_smoothing, classes=2)
    if loss_from == "logits":
        losses = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    else:
        kept = outputs.clamp(KERAS_EPSILON, 1 - KERAS_EPSILON)
        losses = -(targets * kept.log() + (1 - targets) * (1 - kept).log())
    if task == "binary":
        return losses if class_weights is None else losses * class_weights[(labels > 0.5).long()]
    return torch.mean(losses if class_weights is None else losses * class_weights, dim=-1)


def _softmax_losses(
    outputs: Tensor, labels: Tensor, label_smoothing: float, loss_from: LossFrom
) -> Tensor:
    """Sparse cross-entropy for plain class indices, categorical for all other labels."""
    if labels.dim() < outputs.dim() and (loss_from == "logits" or not label_smoothing):
        if loss_from == "probabilities":
            outputs = outputs.clamp(KERAS_EPSILON, 1 - KERAS_EPSILON).log()
        return functional.cross_entropy(
            outputs.movedim(-1, 1), labels, reduction="none", label_smoothing=label_smoothing
        )
    if labels.dim() < outputs.dim():
        labels = functional.one_hot(labels, outputs.shape[-1])
    _check_same_shape(outputs, labels)
    targets = _smoothed(labels.to(outputs.dtype), label_smoothing, outputs.shape[-1])
    if loss_from == "logits":
        logs = outputs.log_softmax(-1)
    else:
        shares = outputs / outputs.sum(-1, keepdim=True)
        logs = shares.clamp(KERAS_EPSILON, 1 - KERAS_EPSILON).log()
    return -(targets * logs).sum(-1)


def _smoothed(targets: Tensor, label_smoothing: float, classes: int) -> Tensor:
    """``y (1 - s) + s / classes``."""
    if not label_smoothing:
        return targets
    return targets * (1 - label_smoothing) + label_smoothing / classes


def _check_same_shape(outputs: Tensor, labels: Tensor) -> None:
    if labels.shape != outputs.shape:
        raise ValueError(
            f"labels must have the logits' shape {tuple(outputs.shape)}; got {tuple(labels.shape)}."
        )
