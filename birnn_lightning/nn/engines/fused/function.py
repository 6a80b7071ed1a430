"""The kernel under autograd."""

import ctypes
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.differentiation import once_differentiable
from birnn_lightning.nn.engines.fused.calls import Backward, call_backward, gate_blocks, pointer
from birnn_lightning.nn.engines.fused.layout import (
    block_gates,
    from_blocks,
    state_block_gates,
)
from birnn_lightning.nn.engines.fused.passes import Kept, Operands, Outputs, Run, compute, prepare
from birnn_lightning.nn.specs import Recurrent

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
        found = empty_gradients(run, spec, operands, needs, chunks)
        structure = Backward(
            inputs=pointer(found.inputs),
            projected=pointer(found.projected),
            weight_ih=pointer(found.weight_ih),
            weight_hh=pointer(found.weight_hh),
            bias=pointer(found.bias_ih),
            initial_h=pointer(found.initial_h),
            initial_c=pointer(found.initial_c),
            **outputs.pointers(spec, offset),
        )
        structure.of = ctypes.pointer(forward)
        structures.append(structure)
        gradients.append(found)
        offset += spec.hidden_size
    call_backward(run.steps.structure(), structures, run.dtype, chunks, threads)
    return [
        torch_gradients(*one) for one in zip(run.specs, directions, needed, gradients, strict=True)
    ]


def empty_gradients(
    run: Run, spec: Recurrent, operands: Operands, needs: Operands, chunks: int
) -> Operands:
    """What the kernel writes, in its own layout; None where a gradient is not wanted."""
    like, padded, gates = operands.weight_hh, run.padded(spec), len(block_gates(spec))
    weight_ih = None

    def room(operand: Tensor | None, needed: object) -> Tensor | None:
        return None if operand is None or not needed else torch.empty_like(operand)

    if operands.inputs is not None and needs.weight_ih:
        weight_ih = like.new_empty(chunks, operands.inputs.shape[2], gates, padded)
    return Operands(
        inputs=room(operands.inputs, needs.inputs),
        projected=room(operands.projected, needs.projected),
        weight_ih=weight_ih,
        weight_hh=like.new_empty(chunks, spec.hidden_size, gates, padded)
        if needs.weight_hh
        else like.new_empty(0),
        bias_ih=like.new_empty(chunks, gate_blocks(spec), padded),
        bias_hh=None,
        factor=None,
        initial_h=room(operands.initial_h, needs.initial_h),
        initial_c=room(operands.initial_c, needs.initial_c),
    )


def torch_gradients(
    spec: Recurrent, operands: Operands, needs: Operands, found: Operands
) -> Operands:
    """The kernel's gradients in the layout of the operands."""

    def weight(by_chunk: Tensor, order: list[int]) -> Tensor:
        return from_blocks(spec, by_chunk.sum(0).permute(1, 2, 0), order)

    assert found.bias_ih is not None
    bias, order = found.bias_ih.sum(0), block_gates(spec)
    bias_ih = bias_hh = from_blocks(spec, bias[: len(order)], order)
    if spec.cell == "gru" and spec.reset_after:
        bias_hh = from_blocks(spec, bias[1:], state_block_gates(spec))
    return found._replace(
        weight_ih=None if found.weight_ih is None else weight(found.weight_ih, order),
        weight_hh=weight(found.weight_hh, state_block_gates(spec)) if needs.weight_hh else None,
        bias_ih=None if operands.bias_ih is None else bias_ih,
        bias_hh=None if operands.bias_hh is None else bias_hh,
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
