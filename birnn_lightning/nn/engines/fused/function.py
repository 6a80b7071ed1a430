"""The kernel under autograd."""

import ctypes
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.differentiation import once_differentiable
from birnn_lightning.nn.engines.fused.calls import (
    Backward,
    call_backward,
    padded_size,
    pointer,
)
from birnn_lightning.nn.engines.fused.passes import Kept, Operands, Outputs, Run, compute, prepare

BY_CHUNK = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""Operands whose gradients are sums over rows: each chunk of the rows has its own."""
_T = TypeVar("_T", Operands, Kept)


def run_backward(
    run: Run,
    directions: Sequence[Operands],
    kept: Sequence[Kept],
    needed: Sequence[Operands],
    outputs: Outputs,
) -> list[Operands]:
    """The gradients of every direction's operands from those of its outputs.

    Args:
        run: what ran forward.
        directions: its operands.
        kept: what it kept.
        needed: whether each operand's gradient is wanted.
        outputs: the gradients of what the forward pass wrote; None is zero.
    """
    outputs = Outputs(*[None if one is None else one.contiguous() for one in outputs])
    threads = run.threads
    chunks = run.steps.chunks(len(directions), threads)
    forwards = list(map(run.structure, run.specs, directions, kept))
    structures, gradients, offset = [], [], 0
    for spec, operands, needs, forward in zip(run.specs, directions, needed, forwards, strict=True):
        found = empty_gradients(operands, needs, chunks)
        structure = Backward(
            inputs=pointer(found.inputs),
            projected=pointer(found.projected),
            weight_ih=pointer(found.weight_ih),
            weight_hh=pointer(found.weight_hh),
            bias_ih=pointer(found.bias_ih),
            bias_hh=pointer(found.bias_hh),
            initial_h=pointer(found.initial_h),
            initial_c=pointer(found.initial_c),
            **outputs.pointers(spec, offset),
        )
        structure.of = ctypes.pointer(forward)
        structures.append(structure)
        gradients.append(found)
        offset += spec.hidden_size
    call_backward(run.steps.structure(), structures, run.dtype, chunks, threads)
    return [summed(*one, chunks) for one in zip(directions, gradients, strict=True)]


def empty_gradients(operands: Operands, needs: Operands, chunks: int) -> Operands:
    """What the kernel writes; None where a gradient is not wanted, and of dropout's factors."""

    def room(name: str) -> Tensor | None:
        operand = getattr(operands, name)
        if operand is None or not getattr(needs, name) or name == "factor":
            return None
        if name not in BY_CHUNK:
            return torch.empty_like(operand)
        *sizes, last = operand.shape
        whole = padded_size(last, operand.dtype) if sizes else last
        return operand.new_empty(*([chunks] if chunks > 1 else []), *sizes, whole)

    return Operands._make(map(room, Operands._fields))


def summed(operands: Operands, found: Operands, chunks: int) -> Operands:
    """The gradients that the kernel wrote by chunk, in the shapes of the operands."""

    def whole(name: str) -> Tensor:
        gradient = getattr(found, name)
        gradient = gradient.sum(0) if chunks > 1 else gradient
        size = getattr(operands, name).shape[-1]
        return gradient if gradient.shape[-1] == size else gradient[..., :size]

    return found._replace(
        **{name: whole(name) for name in BY_CHUNK if getattr(found, name) is not None}
    )


class Recurrence(torch.autograd.Function):
    """``apply(run, *tensors of every direction's Operands)`` to the `Outputs`."""

    @staticmethod
    def forward(ctx: Any, run: Run, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        """Keeps what the way back needs."""
        ctx.run = run
        ctx.set_materialize_grads(False)
        ready = prepare(run, by_direction(tensors, Operands), keep=True)
        # Among the saved tensors what is kept is freed after the backward pass, or by a checkpoint.
        ctx.save_for_backward(*tensors, *(tensor for one in ready.kept for tensor in one))
        return tuple(compute([ready]))

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of all tensors that want one."""
        saved = ctx.saved_tensors  # which checkpoints allow to be read once
        needs = ctx.needs_input_grad[1:]
        given, kept = saved[: len(needs)], by_direction(saved[len(needs) :], Kept)
        directions, needed = by_direction(given, Operands), by_direction(needs, Operands)
        with torch.no_grad(), without_autocast("cpu"):
            by_operand = run_backward(ctx.run, directions, kept, needed, Outputs(*outputs))
        found = [gradient for one in by_operand for gradient in one]
        return (None, *once_differentiable("engine 'fused'", found, (*outputs, *given)))


def by_direction(flat: Sequence[Any], kind: type[_T]) -> list[_T]:
    """A flat list of tensors, or of facts about them, as a named tuple a direction."""
    size = len(kind._fields)
    return [kind(*flat[start : start + size]) for start in range(0, len(flat), size)]
