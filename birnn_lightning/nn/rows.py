"""What an embedding puts out, for a layer that reads its rows where they lie."""

from typing import NamedTuple

import torch
from torch import Tensor


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

    @property
    def device(self) -> torch.device:
        """That of the table."""
        return self.table.device


def check_tokens(tokens: Tensor, vocab_size: int) -> None:
    """Raises ValueError unless all tokens are in a vocabulary of this size."""
    if tokens.numel() and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(
            f"tokens must be between 0 and {vocab_size - 1} (vocab_size - 1); got "
            f"{int(tokens.min())} to {int(tokens.max())}. Encode with the vocabulary that the "
            "model was built for."
        ) from None
