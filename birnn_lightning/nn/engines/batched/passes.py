"""The way through time and back, segment by segment."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from birnn_lightning.nn.engines.batched.cells import Gradients
from birnn_lightning.nn.engines.batched.plan import Buffers, Plan, blocks_of
from birnn_lightning.nn.engines.operands import Operands


def run_forward(plan: Plan, operands: Operands) -> tuple[list[Tensor], Buffers]:
    """``[sequence (batch, time, direction, hidden), final h, final memory]``, states as given."""
    cell, steps = plan.cell, plan.steps
    hidden = operands.weight.shape[-1]
    drops_state = operands.factor is not None
    rows = operands.projected.reshape(-1, plan.unit(drops_state) * hidden)
    flats = [rows.index_select(0, index).view(-1, hidden) for index in plan.indices(drops_state)]
    h = rows.new_empty(steps.slots + 1, hidden)
    h[-1] = 0
    extra = rows.new_empty(steps.slots if cell.has_extra else 0, hidden)
    buffers = Buffers(h, extra, flats)
    finals = [operands.h.clone()]
    if operands.memory is not None:
        finals.append(operands.memory.clone())
    products = plan.products(operands.weight, operands.factor)
    for segment in steps.segments:
        active = [product.of_rows(segment.rows) for product in products]
        kept = buffers.of_segment(plan, segment, active)
        states = (kept.h, kept.extra)[: len(finals)]
        for final, state in zip(finals, states, strict=True):
            state[0] = final[:, : segment.rows]
        cell.forward(kept, active, operands.bias)
        for final, state in zip(finals, states, strict=True):
            final[:, : segment.rows] = state[-1]
    batch, time = steps.shape
    shape = (batch, time if plan.wants_sequence else 0, steps.directions, hidden)
    if not plan.wants_sequence:
        return [h.new_empty(shape), *finals], buffers
    slots = steps.slot.new_full((batch * time * steps.directions,), steps.slots)
    slots[steps.place] = steps.slot
    return [h.index_select(0, slots).view(shape), *finals], buffers


class Found(NamedTuple):
    """Gradients from which the others follow.

    Attributes:
        gates: ``(tokens, direction, gate, hidden)``: of `Operands.projected`.
        seen: ``(tokens, direction, hidden)``: of the GRU's ``h U_n + b_n``; no rows of other cells.
        states: of the initial ones.
    """

    gates: Tensor
    seen: Tensor
    states: list[Tensor]


def run_backward(
    plan: Plan, operands: Operands, buffers: Buffers, outputs: Sequence[Tensor | None]
) -> Found:
    """Goes back through time from the gradients of `run_forward`'s outputs; reads no projection."""
    steps, hidden = plan.steps, buffers.h.shape[1]
    drops_state = operands.factor is not None
    of_sequence, *of_finals = outputs
    if of_sequence is None or not plan.wants_sequence:
        of_h = buffers.h.new_zeros(len(steps.token), hidden)
    else:
        of_h = of_sequence.reshape(-1, hidden).index_select(0, steps.place)
    states = [
        torch.zeros_like(state) if of_final is None else of_final.clone()
        for state, of_final in zip((operands.h, operands.memory), of_finals, strict=False)
        if state is not None
    ]
    gates, unit = plan.gates, plan.unit(drops_state)
    of_gates = of_h.new_empty(len(of_h) * gates // unit, unit * hidden)
    seen = of_h.new_empty(len(of_h) if plan.cell.last_apart else 0, hidden)
    indices = plan.indices(drops_state)
    longest = max((one.steps * one.rows for one in steps.segments), default=0)
    scratch = [
        of_h.new_empty(longest * steps.directions * len(group), hidden)
        for group in plan.cell.groups
    ]
    products = plan.products(operands.weight, operands.factor)
    for segment in reversed(steps.segments):
        active = [product.of_rows(segment.rows) for product in products]
        shape = (segment.steps, steps.directions, segment.rows, hidden)
        of_steps = plan.packed(of_h, segment).view(shape)
        first = of_h.new_zeros(shape[1:])
        of_steps[-1] += states[0][:, : segment.rows]
        memory = states[1][:, : segment.rows].clone() if len(states) == 2 else None
        count = segment.steps * steps.directions * segment.rows
        flats = [
            buffer[: count * len(group)]
            for buffer, group in zip(scratch, plan.cell.groups, strict=True)
        ]
        gradients = Gradients(
            blocks_of(flats, segment, active),
            [first, *of_steps.unbind(0)],
            memory,
            plan.packed(seen, segment).view(shape) if plan.cell.last_apart else seen,
        )
        plan.cell.backward(buffers.of_segment(plan, segment, active), gradients, active)
        states[0][:, : segment.rows] = first
        if memory is not None:
            states[1][:, : segment.rows] = memory
        for flat, index, group in zip(flats, indices, plan.cell.groups, strict=True):
            places = plan.packed(index, segment, len(group) // unit)
            of_gates.index_copy_(0, places, flat.view(-1, unit * hidden))
    tokens = len(of_h) // steps.directions
    if plan.cell.last_apart:
        seen = seen.index_select(0, steps.by_token).view(tokens, steps.directions, hidden)
    return Found(of_gates.view(tokens, steps.directions, gates, hidden), seen, states)


def weight_gradient(plan: Plan, operands: Operands, buffers: Buffers, found: Found) -> Tensor:
    """The gradient of `Operands.weight`: one product of matrices for each direction and group."""
    steps, cell = plan.steps, plan.cell
    shape = (len(found.gates), steps.directions, buffers.h.shape[1])
    before = buffers.h.index_select(0, steps.before[steps.by_token]).view(shape)
    weight = torch.empty_like(operands.weight)
    for group, operand_is_extra in zip(cell.groups, cell.operand_is_extra, strict=True):
        gates = slice(min(group), max(group) + 1)
        operand, gradient = before, found.gates[:, :, gates]
        if operand_is_extra:
            operand = buffers.extra.index_select(0, steps.slot[steps.by_token]).view(shape)
        for direction in range(steps.directions):
            into = weight[direction, gates]
            of_sums, seen = gradient[:, direction], operand[:, direction]
            if operands.factor is None:
                product = seen.T @ of_sums.flatten(1)  # faster than its transpose
                into.copy_(product.T.reshape(into.shape))
            else:
                factor = operands.factor[direction, steps.row_of_token, gates]
                for gate in range(len(into)):
                    into[gate] = of_sums[:, gate].T @ (seen * factor[:, gate])
            if cell.last_apart:
                if operands.factor is not None:
                    seen = seen * operands.factor[direction, steps.row_of_token, -1]
                weight[direction, -1] = found.seen[:, direction].T @ seen
    return weight
