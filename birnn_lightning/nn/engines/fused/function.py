"""The kernel under autograd."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.differentiation import once_differentiable
from birnn_lightning.nn.engines.fused.calls import (
    ACTIVATIONS,
    Backward,
    Forward,
    call,
    cell_number,
    gate_blocks,
    padded_size,
    pointer,
    saved_values,
)
from birnn_lightning.nn.engines.fused.layout import (
    block_gates,
    from_blocks,
    state_block_gates,
)
from birnn_lightning.nn.engines.fused.steps import Steps, thread_count
from birnn_lightning.nn.specs import Recurrent


class Operands(NamedTuple):
    """The tensors of one direction, in the order in which autograd gets them.

    Attributes:
        inputs: ``(batch, time, feature)``, or ``(rows, feature)`` of `Run.tokens`; None where ``projected`` is given.
        projected: ``(tokens, gate * padded)`` in the kernel's blocks, or None.
        weight_ih: ``(gate * hidden, feature)``; only of ``inputs``.
        weight_hh: ``(gate * hidden, hidden)``.
        bias_ih: ``(gate * hidden,)`` or None.
        bias_hh: ``(gate * hidden,)`` or None.
        factor: ``(batch, gate, hidden)``: dropout of the state, or None.
        initial_h: ``(batch, hidden)``, or None for zeros.
        initial_c: ``(batch, hidden)``; None for zeros, and where the cell has no memory.
    """

    inputs: Tensor | None
    projected: Tensor | None
    weight_ih: Tensor | None
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    factor: Tensor | None
    initial_h: Tensor | None
    initial_c: Tensor | None


class Outputs(NamedTuple):
    """What all directions put out, side by side; None where it is not wanted.

    Attributes:
        sequence: ``(batch, time, hidden of all)``.
        final_h: ``(batch, hidden of all)``.
        final_c: ``(batch, hidden of all)``; undefined where a direction's cell has no memory.
    """

    sequence: Tensor | None
    final_h: Tensor | None
    final_c: Tensor | None

    def pointers(self, spec: Recurrent, offset: int) -> dict[str, int | None]:
        """Where a direction's part of each begins, ``offset`` units from the start."""
        found = {
            name: None if one is None else one.data_ptr() + offset * one.itemsize
            for name, one in zip(("outputs", "final_h", "final_c"), self, strict=True)
        }
        return found if spec.cell == "lstm" else found | {"final_c": None}


@dataclass
class Run:
    """A call of the kernel: what it computes, and what it keeps for the way back.

    Attributes:
        specs: one a direction.
        steps: which steps are computed.
        wanted: whether each of the `Outputs` is.
        dtype: of all tensors.
        tokens: ``(batch, time)``: which row of the inputs stands at a step; None: its own.
        bfloat16: whether factors of products are rounded to it; sums never are, nor the gradients
            of weights.
        saved: one a direction; see the kernel's ``Forward``.
        previous: one a direction: the state before each token.
    """

    specs: Sequence[Recurrent]
    steps: Steps
    wanted: tuple[bool, bool, bool]
    dtype: torch.dtype
    tokens: Tensor | None = None
    bfloat16: bool = False
    saved: list[Tensor] = field(default_factory=list)
    previous: list[Tensor] = field(default_factory=list)

    @property
    def threads(self) -> int:
        """Threads of a call."""
        return thread_count()

    @property
    def width(self) -> int:
        """Units of all directions."""
        return sum(spec.hidden_size for spec in self.specs)

    def padded(self, spec: Recurrent) -> int:
        """Units of a direction in whole vectors."""
        return padded_size(spec.hidden_size, self.dtype)

    def structure(self, index: int, operands: Operands, **outputs: int | None) -> Forward:
        """One direction as the kernel takes it."""
        spec = self.specs[index]
        inputs = operands.inputs
        return Forward(
            0 if inputs is None else inputs.shape[-1],
            spec.hidden_size,
            cell_number(spec),
            ACTIVATIONS.index(spec.activation),
            ACTIVATIONS.index(spec.recurrent_activation),
            spec.go_backwards,
            self.bfloat16,
            self.width,
            pointer(self.tokens),
            *map(pointer, operands),
            saved=pointer(self.saved[index]) if self.saved else None,
            previous=pointer(self.previous[index]) if self.previous else None,
            **outputs,
        )


def run_forward(run: Run, directions: Sequence[Operands], keep: bool) -> Outputs:
    """What is wanted of all directions.

    Args:
        run: what to compute.
        directions: tensors in C order.
        keep: whether a backward pass will follow.
    """
    (batch, time), width, like = run.steps.shape, run.width, directions[0].weight_hh
    shapes = ((batch, time, width), (batch, width), (batch, width))
    outputs = Outputs(
        *[like.new_empty(s) if want else None for s, want in zip(shapes, run.wanted, strict=True)]
    )
    structures, offset = [], 0
    for index, (spec, operands) in enumerate(zip(run.specs, directions, strict=True)):
        if keep:
            values = saved_values(spec)
            run.saved.append(like.new_empty(run.steps.tokens, values, run.padded(spec)))
            run.previous.append(like.new_empty(run.steps.tokens, run.padded(spec)))
        structures.append(run.structure(index, operands, **outputs.pointers(spec, offset)))
        offset += spec.hidden_size
    threads = run.threads
    chunks = run.steps.chunks(len(structures), threads)
    call("birnn_forward", run.steps.structure(), structures, run.dtype, chunks, threads)
    return outputs


def run_backward(
    run: Run,
    directions: Sequence[Operands],
    needed: Sequence[Operands],
    outputs: Outputs,
) -> list[Operands]:
    """The gradients of every direction's operands from those of its outputs.

    Args:
        run: what ran forward.
        directions: its operands.
        needed: whether each operand's gradient is wanted.
        outputs: the gradients of what `run_forward` returned; None is zero.
    """
    outputs = Outputs(*[None if one is None else one.contiguous() for one in outputs])
    threads = run.threads
    chunks = run.steps.chunks(len(directions), threads)
    forwards = [run.structure(*one) for one in enumerate(directions)]
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
    call("birnn_backward", run.steps.structure(), structures, run.dtype, chunks, threads)
    return [
        torch_gradients(*one) for one in zip(run.specs, directions, needed, gradients, strict=True)
    ]


def empty_gradients(
    run: Run, spec: Recurrent, operands: Operands, needs: Operands, chunks: int
) -> Operands:
    """What the kernel writes, in its own layout; None where a gradient is not wanted."""
    like, padded, gates = operands.weight_hh, run.padded(spec), len(block_gates(spec))
    inputs = weight_ih = projected = None
    if operands.projected is not None and needs.projected:
        projected = torch.empty_like(operands.projected)
    if operands.inputs is not None and needs.inputs:
        inputs = torch.empty_like(operands.inputs)
    if operands.inputs is not None and needs.weight_ih:
        weight_ih = like.new_empty(chunks, operands.inputs.shape[2], gates, padded)
    return Operands(
        inputs=inputs,
        projected=projected,
        weight_ih=weight_ih,
        weight_hh=like.new_empty(chunks, spec.hidden_size, gates, padded)
        if needs.weight_hh
        else like.new_empty(0),
        bias_ih=like.new_empty(chunks, gate_blocks(spec), padded),
        bias_hh=None,
        factor=None,
        initial_h=torch.empty_like(operands.initial_h) if needs.initial_h else None,
        initial_c=torch.empty_like(operands.initial_c) if needs.initial_c else None,
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
    """``apply(run, *tensors of every direction's Operands)`` to the outputs of `run_forward`."""

    @staticmethod
    def forward(ctx: Any, run: Run, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        """Keeps what the way back needs."""
        ctx.run = run
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        return tuple(run_forward(run, by_direction(tensors), keep=True))

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of all tensors that want one."""
        saved = ctx.saved_tensors  # which checkpoints allow to be read once
        directions = by_direction(saved)
        needed = by_direction(ctx.needs_input_grad[1:])
        with torch.no_grad(), without_autocast("cpu"):
            by_operand = run_backward(ctx.run, directions, needed, Outputs(*outputs))
        found = [gradient for one in by_operand for gradient in one]
        return (None, *once_differentiable("engine 'fused'", found, (*outputs, *saved)))


def by_direction(flat: Sequence[Any]) -> list[Operands]:
    """A flat list of tensors, or of facts about them, as each direction's operands."""
    size = len(Operands._fields)
    return [Operands(*flat[start : start + size]) for start in range(0, len(flat), size)]
