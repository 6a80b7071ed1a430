"""An engine with a backward pass of its own says that it has no second derivative."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def once_differentiable(
    who: str,
    gradients: Sequence[Tensor | None],
    anchors: Sequence[Tensor | None],
    advice: str = "Use engine 'scan'.",
) -> tuple[Tensor | None, ...]:
    """Gradients as they are; to differentiate them raises.

    Unlike torch's decorator of this name it refuses wherever the gradients depend on anything:
    torch's takes them for constants when the gradients of the outputs are, as those of a sum.

    Args:
        who: whose they are.
        gradients: what a backward pass found.
        anchors: all tensors that the gradients depend on.
        advice: what to do instead.
    """
    if not torch.is_grad_enabled():
        return tuple(gradients)
    refusal = f"{who} has no second derivative; got a gradient to differentiate again. {advice}"
    return _Undifferentiable.apply(refusal, len(gradients), *gradients, *anchors)


class _Undifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, refusal: str, count: int, *tensors: Tensor | None) -> Any:
        ctx.refusal = refusal
        return tuple(None if one is None else one.clone() for one in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *_: Tensor | None) -> Any:
        raise RuntimeError(ctx.refusal)
