"""Operations that sum products of two tensors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _dot(x1: Tensor, x2: Tensor) -> Tensor:
    """The last axis of the first with the last but one of the second, as NumPy does."""
    if x2.dim() < 2:
        return x1 @ x2
    return _tensordot(x1, x2, (-1, -2))


def _tensordot(x1: Tensor, x2: Tensor, axes: Any) -> Tensor:
    """Along the last and first ``axes`` axes, or along those of a pair, each one or several."""
    if isinstance(axes, tuple):
        axes = [[one] if isinstance(one, int) else list(one) for one in axes]
    along: Any = axes
    return torch.tensordot(x1, x2, dims=along)


def _einsum(*operands: Tensor, subscripts: str) -> Tensor:
    return torch.einsum(subscripts, *operands)


PRODUCTS: dict[str, Callable[..., Any]] = {
    "matmul": torch.matmul,
    "dot": _dot,
    "tensordot": _tensordot,
    "einsum": _einsum,
}
