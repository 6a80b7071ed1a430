"""An embedding whose gradient takes one pass over its rows and one over its tokens."""

from ctypes import c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from birnn_lightning.nn.engines.fused.calls import PRECISIONS, function_of
from birnn_lightning.nn.engines.fused.compilation import load_library, obstacle
from birnn_lightning.nn.engines.fused.steps import thread_count


def embedding(tokens: Tensor, weight: Tensor) -> Tensor:
    """As torch's function of this name, its gradient to the bit too.

    The gradient is the kernel's on a CPU, where there is one. torch's sums token by token through
    general code, on one thread for a row. Inside `torch.func` all is torch's.

    Args:
        tokens: int64 of any shape.
        weight: ``(rows, features)``.

    Raises:
        IndexError: a token has no row.
    """
    # Inside torch.func this is True; torch tells it nowhere else.
    transformed = torch._C._are_functorch_transforms_active()
    trained = weight.requires_grad and torch.is_grad_enabled() and not transformed
    if trained and tokens.dtype == torch.int64 and _has_kernel(weight):
        return Lookup.apply(tokens, weight)  # type: ignore[no-any-return]
    return functional.embedding(tokens, weight)


def can_read(tokens: Tensor, weight: Tensor) -> bool:
    """Whether the kernel can read the rows of tokens ``(batch, time)`` where they lie."""
    is_plain = tokens.dtype == torch.int64 and tokens.dim() == 2 and tokens.is_contiguous()
    return is_plain and tokens.is_cpu and weight.is_contiguous() and _has_kernel(weight)


def refers_to(tokens: Tensor, weight: Tensor) -> bool:
    """Whether every token has a row; both as `can_read` wants them."""
    arguments = c_void_p(tokens.data_ptr()), c_int64(tokens.numel()), c_int64(len(weight))
    return bool(load_library("float32").birnn_refers_to(*arguments))


def _has_kernel(weight: Tensor) -> bool:
    plain = type(weight) in (Tensor, nn.Parameter)  # others, such as DTensor, lie elsewhere
    on_cpu = weight.device.type == "cpu" and weight.dtype in PRECISIONS
    return plain and on_cpu and obstacle(PRECISIONS[weight.dtype]) is None


def _has_memory(tensor: Tensor) -> bool:
    """Whether the kernel could read it: many gradients at once are a tensor without an address."""
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


class Lookup(torch.autograd.Function):
    """``apply(tokens, weight)``: rows of the weight."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor) -> Tensor:
        """Keeps the tokens."""
        ctx.save_for_backward(tokens)
        ctx.save_for_forward(tokens)
        ctx.rows = len(weight)
        return functional.embedding(tokens, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """The gradient of the weight; torch's where a derivative or many at once are wanted."""
        (tokens,), (gradient,) = ctx.saved_tensors, gradients
        if torch.is_grad_enabled() or not _has_memory(gradient):
            dense = torch.ops.aten.embedding_dense_backward
            return None, dense(gradient, tokens, ctx.rows, -1, False)
        return None, sum_by_row(tokens, gradient, ctx.rows)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        """Rows of the weight's tangent."""
        (tokens,), (_, tangent) = ctx.saved_tensors, tangents
        assert tangent is not None
        return functional.embedding(tokens, tangent)


def sum_by_row(tokens: Tensor, gradient: Tensor, rows: int) -> Tensor:
    """``(rows, feature)``: the sums of the gradients ``(..., feature)`` of the tokens ``(...)``."""
    tokens, gradient = tokens.contiguous(), gradient.contiguous()
    size = gradient.shape[-1]
    sums = gradient.new_empty(rows, size)
    function = function_of("birnn_embedding_gradient", gradient.dtype)
    function(
        c_int64(rows),
        c_int64(size),
        c_int64(tokens.numel()),
        *(c_void_p(one.data_ptr()) for one in (tokens, gradient, sums)),
        c_int64(thread_count()),
    )
    return sums
