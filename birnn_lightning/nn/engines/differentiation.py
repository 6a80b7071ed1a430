"""An engine with a backward pass of its own says that it has no second derivative."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def once_differentiable(
    engine: str, gradients: Sequence[Tensor | None], anchors: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """Gradients as they are; to differentiate them raises.

    Unlike torch's decorator of this name it refuses wherever the gradients depend on anything:
    torch's takes them for constants when the gradients of the outputs are, as those of a sum.

    Args:
        engine: its name.
        gradients: what a backward pass found.
        anchors: all tensors that the gradients depend on.
    """
    if not torch.is_grad_enabled():
        return tuple(gradients)
    return _Undifferentiable.apply(engine, len(gradients), *gradients, *anchors)


class _Undifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, engine: str, count: int, *tensors: Tensor | None) -> Any:
        ctx.engine = engine
        return tuple(None if one is None else one.clone() for one in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *_: Tensor | None) -> Any:
        raise RuntimeError(
            f"engine {ctx.engine!r} has no second derivative; got a gradient to differentiate "
            "again. Use engine 'scan'."
        )
