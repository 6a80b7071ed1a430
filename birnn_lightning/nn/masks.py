"""Padding's only home: what a mask is, and how a masked batch becomes a packed one and back.

A mask is a bool tensor ``(batch, time)``, True where a step is valid. A masked step carries the
state, so any mask equals: drop the masked steps, run, put the outputs back.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Masked(NamedTuple):
    """A tensor and the mask that travels with it.

    Attributes:
        values: ``(batch, ...)``.
        mask: ``(batch, time)`` bool, True where valid; None when every step is valid.
    """

    values: Tensor
    mask: Tensor | None = None


class Compaction(NamedTuple):
    """How the valid steps of each row move to its front.

    Attributes:
        order: ``(batch, time)`` int64: compact step to original step; valid ones first, in order.
        lengths: ``(batch,)`` int64: valid steps of each row.
    """

    order: Tensor
    lengths: Tensor

    def gather(self, values: Tensor) -> Tensor:
        """``(batch, time, feature)`` with the valid steps in front."""
        return values.gather(1, self.order[..., None].expand_as(values))

    def backwards(self) -> "Compaction":
        """With the valid steps of each row from its last to its first."""
        steps = torch.arange(self.order.shape[1], device=self.order.device)
        lengths = self.lengths[:, None]
        mirrored = torch.where(steps < lengths, lengths - 1 - steps, steps)
        return Compaction(self.order.gather(1, mirrored), self.lengths)

    def scatter(self, values: Tensor) -> Tensor:
        """The inverse of `gather`."""
        index = self.order[..., None].expand_as(values)
        return torch.zeros_like(values).scatter(1, index, values)


def mask_from_lengths(lengths: Tensor, time: int) -> Tensor:
    """The right-padding mask ``(batch, time)`` of sequences that are ``lengths`` ``(batch,)`` long.

    Raises:
        ValueError: a length is below 1 or above ``time``, or lengths are not whole numbers.
    """
    if lengths.dim() != 1 or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(
            "lengths must be a vector of integers, one a sequence; got shape "
            f"{tuple(lengths.shape)} of {lengths.dtype}."
        )
    wrong = ((lengths < 1) | (lengths > time)).nonzero()
    if len(wrong):
        index = int(wrong[0])
        raise ValueError(
            f"lengths must be between 1 and {time} (the padded time axis); got "
            f"{int(lengths[index])} at batch index {index}. "
            "Drop empty sequences in the data module."
        )
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def check_mask(mask: Tensor, *shape: int) -> None:
    """Raises ValueError unless ``mask`` is a bool tensor of this shape, e.g. ``(batch, time)``."""
    if mask.dtype != torch.bool or tuple(mask.shape) != shape:
        hint = (
            " Inside TimeDistributed it is left of a mask (batch, time): let none come to "
            "TimeDistributed, or one with the axes (batch, time, step)."
        )
        of_rows = tuple(mask.shape) == shape[:1]
        raise ValueError(
            f"mask must be a bool tensor of shape {shape}, True where a step is valid; "
            f"got {mask.dtype} of shape {tuple(mask.shape)}.{hint if of_rows else ''}"
        )


def merge_masks(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Valid where both are; None means valid everywhere.

    Args:
        first: ``(batch, time)``.
        second: likewise, or with axes of the steps of a step behind.
    """
    if first is None or second is None:
        return second if first is None else first
    return first[(..., *(None,) * (second.dim() - first.dim()))] & second


def compact(mask: Tensor) -> Compaction:
    """The compaction of a mask ``(batch, time)``."""
    order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
    return Compaction(order, mask.sum(1))


def carry_outputs(sequence: Tensor, mask: Tensor, reverse: bool) -> Tensor:
    """Gives each masked step the output of the valid step before it in processing order.

    Args:
        sequence: ``(batch, time, feature)``, zero at masked steps.
        mask: ``(batch, time)``.
        reverse: whether processing ran from the end.

    Returns:
        ``(batch, time, feature)``; steps before the first valid one stay zero.
    """
    if reverse:
        return carry_outputs(sequence.flip(1), mask.flip(1), reverse=False).flip(1)
    steps = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    source = torch.where(mask, steps, 0).cummax(1).values
    return sequence.gather(1, source[..., None].expand_as(sequence))
