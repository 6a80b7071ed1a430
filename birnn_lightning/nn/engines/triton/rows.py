"""Which steps each row of a batch has, told without waiting for the GPU."""

from typing import NamedTuple

import torch
from torch import Tensor

from birnn_lightning.nn.masks import compact


class Rows(NamedTuple):
    """The rows of a batch; every step, masked or not, is a token ``row * time + step``.

    Attributes:
        shape: ``(batch, time)``.
        device: of the tensors.
        places: ``(batch,)``: the batch's row at each place, longest first; None without a mask.
        lengths: ``(batch,)``: how many valid steps each row has; None without a mask.
        steps: ``(batch, time)``: the valid steps of each row, in order, then the others; likewise.
    """

    shape: tuple[int, int]
    device: torch.device
    places: Tensor | None = None
    lengths: Tensor | None = None
    steps: Tensor | None = None

    order = None
    """Operands keep the order of the batch."""
    tokens = None
    """Operands have every token."""

    @property
    def row_of_token(self) -> Tensor:
        """``(tokens,)``: the batch's row of each token."""
        batch, time = self.shape
        return torch.arange(batch * time, device=self.device) // time


def rows_of(shape: tuple[int, int], mask: Tensor | None, device: torch.device) -> Rows:
    """The rows of a batch ``(batch, time)`` with a mask of its shape, or None."""
    if mask is None:
        return Rows(shape, device)
    steps, lengths = compact(mask)
    return Rows(shape, device, lengths.argsort(descending=True, stable=True), lengths, steps)
