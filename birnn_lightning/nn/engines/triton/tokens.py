"""Which steps are computed: the valid ones of each row, its tokens, one row after the other."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Tokens(NamedTuple):
    """The tokens of a batch.

    Attributes:
        shape: ``(batch, time)``.
        order: ``(batch,)``: the batch's row at each place, longest first; None where rows stay.
        tokens: ``(tokens,)``: each token's place ``row * time + step``; None where all are valid.
        starts: ``(batch,)``: the first token of each row in order.
        lengths: ``(batch,)``: how many tokens it has.
    """

    shape: tuple[int, int]
    order: Tensor | None
    tokens: Tensor | None
    starts: Tensor
    lengths: Tensor

    @property
    def row_of_token(self) -> Tensor:
        """``(tokens,)``: the batch's row of each token."""
        batch, time = self.shape
        if self.tokens is not None:
            return self.tokens // time
        return torch.arange(batch * time, device=self.starts.device) // time

    @property
    def place_of_token(self) -> Tensor:
        """``(tokens,)``: where each token's row stands in order."""
        if self.order is None:
            return self.row_of_token
        return self.order.argsort()[self.row_of_token]


def tokens_of(shape: tuple[int, int], mask: Tensor | None, device: torch.device) -> Tokens:
    """The tokens of a batch; waits for the device once where there is a mask.

    Args:
        shape: ``(batch, time)`` of the padded batch.
        mask: ``(batch, time)`` or None.
        device: of the indices.
    """
    if mask is None:
        return _all_tokens(shape, device)
    lengths = mask.sum(1)
    order = lengths.argsort(descending=True, stable=True)
    starts = lengths.cumsum(0) - lengths
    tokens = mask.flatten().nonzero().flatten()
    return Tokens(shape, order, tokens, starts[order], lengths[order])


@lru_cache(maxsize=32)
def _all_tokens(shape: tuple[int, int], device: torch.device) -> Tokens:
    """The tokens of a batch without a mask."""
    batch, time = shape
    with torch.inference_mode(False):  # the next call may be one of training
        starts = torch.arange(batch, device=device) * time
        return Tokens(shape, None, None, starts, torch.full_like(starts, time))
