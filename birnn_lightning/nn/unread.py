"""What a layer puts out for a reader that has it made: not copied together, or not yet computed."""

from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from birnn_lightning.nn.masks import Masked


class Rows(NamedTuple):
    """An embedding's output that is not copied together.

    Attributes:
        table: ``(rows, feature)``.
        tokens: ``(batch, time)`` int64: which row stands at each step; every one is in the table.
        mask: ``(batch, time)`` bool, True where valid; None when every step is valid.
    """

    table: Tensor
    tokens: Tensor
    mask: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(batch, time, feature)``."""
        batch, time = self.tokens.shape
        return batch, time, self.table.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """That of the table."""
        return self.table.dtype


class Pending(NamedTuple):
    """A recurrent layer's sequence that is not computed yet.

    Attributes:
        values: ``(batch, time, feature)``: where it will stand.
        mask: ``(batch, time)`` bool, True where valid; None when every step is valid.
        passes: what computes it, in order: those of the engine ``fused``.
    """

    values: Tensor
    mask: Tensor | None
    passes: tuple[Any, ...]

    @property
    def shape(self) -> torch.Size:
        """``(batch, time, feature)``."""
        return self.values.shape

    @property
    def dtype(self) -> torch.dtype:
        """That of the values."""
        return self.values.dtype


Unread: TypeAlias = Rows | Pending


def values_of(entering: Masked | Unread) -> Any:
    """What enters a layer beside its mask."""
    return entering.values if isinstance(entering, Masked) else entering
