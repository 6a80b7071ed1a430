"""A batch has one shape wherever it comes from: inputs, and what is known about them."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Padded sequences with their labels.

    Attributes:
        inputs: tokens ``(batch, time)`` int64, or features ``(batch, time, input_size)`` float32.
        labels: ``(batch,)`` int64 for binary and multiclass, ``(batch, num_classes)`` float32 for
            multilabel and for multiclass by probabilities, with a time axis after the batch axis
            when every step has a label; None when unknown.
        mask: ``(batch, time)`` bool, True where a step is real; None when every step is, or when
            the model finds the mask in the inputs itself (``mask_zero``).
        sample_weights: ``(batch,)``, or ``(batch, time)`` when every step has a label: factors of
            the losses; None for 1.
    """

    inputs: Tensor
    labels: Tensor | None = None
    mask: Tensor | None = None
    sample_weights: Tensor | None = None
