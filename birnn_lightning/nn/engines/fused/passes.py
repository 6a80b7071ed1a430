"""A pass of a layer as the kernel takes it: what it reads, what it writes, what it keeps."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from birnn_lightning.nn.engines.fused.calls import (
    ACTIVATIONS,
    Forward,
    Layer,
    call_forward,
    cell_number,
    padded_size,
    pointer,
    saved_values,
)
from birnn_lightning.nn.engines.fused.steps import Steps, thread_count
from birnn_lightning.nn.specs import Recurrent


class Operands(NamedTuple):
    """The tensors of one direction, in the order in which autograd gets them.

    Attributes:
        inputs: ``(batch, time, feature)``, or ``(rows, feature)`` of `Run.tokens`; None where
            ``projected`` is given.
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


class Kept(NamedTuple):
    """What a pass of one direction leaves for the way back; see the kernel's ``Forward``.

    Attributes:
        saved: ``(tokens, values, padded)``.
        previous: ``(tokens, padded)``: the state before each token.
    """

    saved: Tensor | None = None
    previous: Tensor | None = None


@dataclass(frozen=True)
class Run:
    """A call of the kernel: what it computes.

    Attributes:
        specs: one a direction.
        steps: which steps are computed.
        wanted: whether each of the `Outputs` is.
        dtype: of all tensors.
        tokens: ``(batch, time)``: which row of the inputs stands at a step; None: its own.
        bfloat16: whether factors of products are rounded to it; sums never are, nor the gradients
            of weights.
    """

    specs: Sequence[Recurrent]
    steps: Steps
    wanted: tuple[bool, bool, bool]
    dtype: torch.dtype
    tokens: Tensor | None = None
    bfloat16: bool = False

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

    def structure(
        self, spec: Recurrent, operands: Operands, kept: Kept, **outputs: int | None
    ) -> Forward:
        """One direction as the kernel takes it."""
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
            saved=pointer(kept.saved),
            previous=pointer(kept.previous),
            **outputs,
        )


class Pass(NamedTuple):
    """A forward pass that is ready to be run.

    Attributes:
        run: what it computes.
        operands: what it reads; the structures hold no more than addresses.
        outputs: what it writes.
        kept: what it keeps, one a direction.
        structures: one a direction.
    """

    run: Run
    operands: Sequence[Operands]
    outputs: Outputs
    kept: Sequence[Kept]
    structures: ctypes.Array[Forward]

    def layer(self) -> Layer:
        """As the kernel takes it; valid while this object lives."""
        count = len(self.structures)
        chunks = self.run.steps.chunks(count, self.run.threads)
        return Layer(self.structures, count, chunks)


def unused_room(passes: Sequence[Pass]) -> Tensor | None:
    """The sequence that nobody reads any more when another pass follows these, if there is one."""
    return passes[-2].outputs.sequence if len(passes) > 1 else None


def prepare(
    run: Run, directions: Sequence[Operands], keep: bool, room: Tensor | None = None
) -> Pass:
    """Makes room for what is wanted of all directions.

    Args:
        run: what to compute.
        directions: tensors in C order.
        keep: whether a backward pass will follow.
        room: where the sequence may stand if it fits.
    """
    (batch, time), width, like = run.steps.shape, run.width, directions[0].weight_hh
    wants_sequence, *wanted = run.wanted
    sequence = None
    if wants_sequence:
        fits = room is not None and room.shape == (batch, time, width)
        sequence = room if fits else like.new_empty(batch, time, width)
    outputs = Outputs(sequence, *[like.new_empty(batch, width) if one else None for one in wanted])
    structures, kept, offset = (Forward * len(directions))(), [], 0
    for index, (spec, operands) in enumerate(zip(run.specs, directions, strict=True)):
        kept.append(_room_to_keep(run, spec, like) if keep else Kept())
        structures[index] = run.structure(
            spec, operands, kept[-1], **outputs.pointers(spec, offset)
        )
        offset += spec.hidden_size
    return Pass(run, directions, outputs, kept, structures)


def _room_to_keep(run: Run, spec: Recurrent, like: Tensor) -> Kept:
    tokens, padded = run.steps.tokens, run.padded(spec)
    saved = like.new_empty(tokens, saved_values(spec), padded)
    return Kept(saved, like.new_empty(tokens, padded))


def compute(passes: Sequence[Pass]) -> Outputs:
    """Runs passes over the same steps one after another; what the last one wrote."""
    run = passes[-1].run
    layers = [one.layer() for one in passes]
    call_forward(run.steps.structure(), layers, run.dtype, run.threads)
    return passes[-1].outputs
