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
        inputs: ``(batch, time, feature)``; None where ``projected`` is given.
        projected: ``(tokens, gate * padded)`` in the kernel's blocks, or None.
        weight_ih: ``(gate * hidden, feature)``; only of ``inputs``.
        weight_hh: ``(gate * hidden, hidden)``.
        bias_ih: ``(gate * hidden,)`` or None.
        bias_hh: ``(gate * hidden,)`` or None.
        factor: ``(batch, gate, hidden)``: dropout of the state, or None.
        initial_h: ``(batch, hidden)``.
        initial_c: ``(batch, hidden)``; None where the cell has no memory.
    """

    inputs: Tensor | None
    projected: Tensor | None
    weight_ih: Tensor | None
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    factor: Tensor | None
    initial_h: Tensor
    initial_c: Tensor | None

    @property
    def state(self) -> tuple[Tensor, ...]:
        """The initial states that the cell has."""
        return tuple(s for s in (self.initial_h, self.initial_c) if s is not None)


@dataclass
class Run:
    """A call of the kernel: what it computes, and what it keeps for the way back.

    Attributes:
        specs: one a direction.
        steps: which steps are computed.
        wants_sequence: whether every output is written, or the final states alone.
        dtype: of all tensors.
        bfloat16: whether factors of products are rounded to it; sums never are, nor the gradients
            of weights.
        saved: one a direction; see the kernel's ``Forward``.
        previous: one a direction: the state before each token.
    """

    specs: Sequence[Recurrent]
    steps: Steps
    wants_sequence: bool
    dtype: torch.dtype
    bfloat16: bool = False
    saved: list[Tensor] = field(default_factory=list)
    previous: list[Tensor] = field(default_factory=list)

    @property
    def threads(self) -> int:
        """Threads of a call."""
        return thread_count()

    def padded(self, spec: Recurrent) -> int:
        """Units of a direction in whole vectors."""
        return padded_size(spec.hidden_size, self.dtype)

    def structure(self, index: int, operands: Operands) -> Forward:
        """One direction as the kernel takes it, without what it writes."""
        spec = self.specs[index]
        inputs = operands.inputs
        return Forward(
            input_size=0 if inputs is None else inputs.shape[2],
            hidden_size=spec.hidden_size,
            cell=cell_number(spec),
            activation=ACTIVATIONS.index(spec.activation),
            recurrent_activation=ACTIVATIONS.index(spec.recurrent_activation),
            reverse=spec.go_backwards,
            bfloat16=self.bfloat16,
            weight_ih=pointer(operands.weight_ih),
            weight_hh=pointer(operands.weight_hh),
            bias_ih=pointer(operands.bias_ih),
            bias_hh=pointer(operands.bias_hh),
            factor=pointer(operands.factor),
            inputs=pointer(inputs),
            input_stride=0 if inputs is None else inputs.shape[2],
            projected=pointer(operands.projected),
            initial_h=pointer(operands.initial_h),
            initial_c=pointer(operands.initial_c),
            saved=pointer(self.saved[index]) if self.saved else None,
            previous=pointer(self.previous[index]) if self.previous else None,
        )


def run_forward(run: Run, directions: Sequence[Operands], keep: bool) -> list[Tensor]:
    """``[sequence (batch, time, hidden of all), final states direction by direction]``.

    Args:
        run: what to compute.
        directions: tensors in C order.
        keep: whether a backward pass will follow.
    """
    batch, time = run.steps.shape
    like = directions[0].weight_hh
    width = sum(spec.hidden_size for spec in run.specs)
    sequence = like.new_empty(batch, time if run.wants_sequence else 0, width)
    finals, structures, offset = [], [], 0
    for index, (spec, operands) in enumerate(zip(run.specs, directions, strict=True)):
        if keep:
            values = saved_values(spec)
            run.saved.append(like.new_empty(run.steps.tokens, values, run.padded(spec)))
            run.previous.append(like.new_empty(run.steps.tokens, run.padded(spec)))
        final = [torch.empty_like(state) for state in operands.state]
        structure = run.structure(index, operands)
        structure.final_h, structure.final_c = pointer(final[0]), pointer(final[-1])
        if run.wants_sequence:
            structure.outputs = sequence.data_ptr() + offset * sequence.itemsize
            structure.output_stride = width
        structures.append(structure)
        finals += final
        offset += spec.hidden_size
    threads = run.threads
    chunks = run.steps.chunks(len(structures), threads)
    call("birnn_forward", run.steps.structure(), structures, run.dtype, chunks, threads)
    return [sequence, *finals]


def run_backward(
    run: Run,
    directions: Sequence[Operands],
    needed: Sequence[Operands],
    outputs: Sequence[Tensor | None],
) -> list[Operands]:
    """The gradients of every direction's operands from those of its outputs.

    Args:
        run: what ran forward.
        directions: its operands.
        needed: whether each operand's gradient is wanted.
        outputs: the gradients of what `run_forward` returned; None is zero.
    """
    sequence, *rest = (None if one is None else one.contiguous() for one in outputs)
    threads = run.threads
    chunks = run.steps.chunks(len(directions), threads)
    forwards = [run.structure(*one) for one in enumerate(directions)]
    structures, gradients, offset = [], [], 0
    finals = iter(rest)
    for spec, operands, needs, forward in zip(run.specs, directions, needed, forwards, strict=True):
        found = empty_gradients(run, spec, operands, needs, chunks)
        final = [next(finals) for _ in operands.state]
        structure = Backward(
            final_h=pointer(final[0]),
            final_c=pointer(final[-1]),
            inputs=pointer(found.inputs),
            projected=pointer(found.projected),
            weight_ih=pointer(found.weight_ih),
            weight_hh=pointer(found.weight_hh),
            bias=pointer(found.bias_ih),
            initial_h=pointer(found.initial_h),
            initial_c=pointer(found.initial_c),
        )
        structure.of = ctypes.pointer(forward)
        if sequence is not None and run.wants_sequence:
            structure.outputs = sequence.data_ptr() + offset * sequence.itemsize
            structure.output_stride = sequence.shape[2]
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
        initial_h=torch.empty_like(operands.initial_h),
        initial_c=None if operands.initial_c is None else torch.empty_like(operands.initial_c),
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
    def forward(ctx: Any, run: Run, *tensors: Tensor | None) -> tuple[Tensor, ...]:
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
            by_operand = run_backward(ctx.run, directions, needed, outputs)
        found = [gradient for one in by_operand for gradient in one]
        return (None, *once_differentiable("engine 'fused'", found, (*outputs, *saved)))


def by_direction(flat: Sequence[Any]) -> list[Operands]:
    """A flat list of tensors, or of facts about them, as each direction's operands."""
    size = len(Operands._fields)
    return [Operands(*flat[start : start + size]) for start in range(0, len(flat), size)]
