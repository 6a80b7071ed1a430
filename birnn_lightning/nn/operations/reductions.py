"""Operations that make one number of many along axes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.operations.elementwise import ELEMENTWISE

Axes = int | tuple[int, ...] | None
"""One axis, several, or None for all."""


def _axes(x: Tensor, axis: Axes) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.dim()))
    return (axis,) if isinstance(axis, int) else axis


def _along(reduce: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A reduction of torch that takes several axes and ``keepdim``."""
    return lambda x, axis, keepdims: reduce(x, _axes(x, axis), keepdim=keepdims)


def _extreme(
    reduce: Callable[..., Tensor], combine: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """The largest or smallest, perhaps of one more number; equal ones share the gradient."""

    def extreme(x: Tensor, axis: Axes, keepdims: bool, initial: float | None) -> Tensor:
        found = reduce(x, _axes(x, axis), keepdim=keepdims)
        return found if initial is None else combine(found, initial)

    return extreme


def _product(x: Tensor, axis: Axes, keepdims: bool, dtype: torch.dtype | None) -> Tensor:
    axes = sorted((one % x.dim() for one in _axes(x, axis)), reverse=True)
    for one in axes:
        x = x.prod(one, keepdim=keepdims, dtype=dtype)
    return x


def _variance(x: Tensor, axis: Axes, keepdims: bool) -> Tensor:
    return x.var(_axes(x, axis), correction=0, keepdim=keepdims)


def _position(find: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Where the largest or smallest is, the first of equal ones; -0.0 is less than 0.0 in Keras."""

    def position(x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
        if x.is_floating_point():
            below = (x == 0) & torch.signbit(x)
            x = torch.where(below, -torch.finfo(x.dtype).tiny, x)
        return find(x, axis, keepdim=keepdims)

    return position


_FLOATING: dict[str, Callable[..., Any]] = {
    "mean": _along(torch.mean),
    "var": _variance,
    "std": lambda x, axis, keepdims: _variance(x, axis, keepdims).sqrt(),
    "logsumexp": _along(torch.logsumexp),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
}

REDUCTIONS = {
    **_FLOATING,
    "sum": _along(torch.sum),
    "max": _extreme(torch.amax, ELEMENTWISE["maximum"]),
    "min": _extreme(torch.amin, ELEMENTWISE["minimum"]),
    "prod": _product,
    "any": _along(lambda x, axes, keepdim: x.bool().any(axes, keepdim=keepdim)),
    "all": _along(lambda x, axes, keepdim: x.bool().all(axes, keepdim=keepdim)),
    "argmax": _position(torch.argmax),
    "argmin": _position(torch.argmin),
    "count_nonzero": lambda x, axis: torch.count_nonzero(x, _axes(x, axis)),
    "cumsum": lambda x, axis, dtype: x.cumsum(axis, dtype=dtype),
}
FLOATING_REDUCTIONS = frozenset(_FLOATING)
