"""Tensors that already stand side by side in memory are put together without a copy."""

from collections.abc import Sequence

import torch
from torch import Tensor


def concatenated(first: Tensor, second: Tensor) -> Tensor:
    """Two tensors along the last axis.

    An engine that writes both directions into one tensor gives its two halves: then that tensor is
    the result, and in the backward pass its gradient goes back whole.
    """
    whole = None if is_traced() else _whole(first, second)
    return torch.cat([first, second], dim=-1) if whole is None else whole


def _whole(first: Tensor, second: Tensor) -> Tensor | None:
    """The tensor that consists of these two, or None."""
    shape = (*first.shape[:-1], first.shape[-1] + second.shape[-1])
    base = first._base
    if base is None:
        if not (first.is_inference() and second.is_inference()):
            return None
        if first.untyped_storage().data_ptr() != second.untyped_storage().data_ptr():
            return None
        strides, offset = first.stride(), first.storage_offset()
        if first.dim() < 2 or first.stride(-2) != shape[-1] or first.stride(-1) != 1:
            return None
    else:
        if base is not second._base:
            return None
        time_first = base.dim() == 3 and first.stride(0) < first.stride(1)  # as kernels have it
        if time_first:
            base = base.transpose(0, 1)
        if tuple(base.shape) != shape:
            return None
        strides, offset = base.stride(), base.storage_offset()
    halves = ((first, offset), (second, offset + first.shape[-1]))
    if any(half.stride() != strides or half.storage_offset() != at for half, at in halves):
        return None
    return first.as_strided(shape, strides, offset) if base is None else base


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of one shape along a new first axis.

    Parts of one tensor that follow each other, as a layer's initial zeros, stay where they are.
    """
    first = tensors[0]
    if len(tensors) == 1:
        return first[None]
    if is_traced():
        return torch.stack([*tensors])
    start, step = first.storage_offset(), first.numel()
    follow = all(
        one.storage_offset() == start + index * step and one.is_contiguous()
        for index, one in enumerate(tensors)
    )
    whole = follow and _share(tensors)
    if not whole or any(one.requires_grad for one in tensors):
        return torch.stack([*tensors])
    return first.as_strided((len(tensors), *first.shape), (step, *first.stride()))


def is_traced() -> bool:
    """Whether torch.compile, torch.export or torch.func stand between the tensors and a memory."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def _share(tensors: Sequence[Tensor]) -> bool:
    """Whether they are views of one tensor; without autograd, of one piece of memory."""
    base = tensors[0]._base
    if base is not None:
        return all(one._base is base for one in tensors)
    if not all(one.is_inference() for one in tensors):
        return False
    return len({one.untyped_storage().data_ptr() for one in tensors}) == 1
