"""The recurrence from its first step to its last, one program a tile of rows and direction.

Tensors are contiguous; their shapes are those of `function.Kept`, `operands.Operands` and
`rows.Rows`. A row that has ended keeps its state. What is not a unit, or not a row, is loaded as
zero. What a step reads is loaded a step ahead, and its token two steps: a program waits for
arithmetic, not for memory.
"""

# ruff: noqa: N803 - constants of a kernel are in capitals, arguments are named above

import triton
import triton.language as tl

from birnn_lightning.nn.engines.triton.arithmetic import (
    activated,
    by_gate,
    matrices,
    row_of,
    times,
    token_at,
)


@triton.jit(do_not_specialize=["rows", "time", "directions"])
def forward(
    projected, weight, bias, factor, initial_h, initial_c,
    outputs, previous, saved, final_h, final_c,
    order, lengths, steps, rows, time, directions,
    CELL: tl.constexpr, ACT: tl.constexpr, GATE: tl.constexpr, HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, GATES: tl.constexpr, SUMS: tl.constexpr,
    SAVED: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_FACTOR: tl.constexpr,
    MASKED: tl.constexpr, BACKWARDS: tl.constexpr, KEEPS: tl.constexpr,
    RESIDENT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Writes outputs and final states; where it keeps, what the way back needs."""
    direction = tl.program_id(1)
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row, length = row_of(place, order, lengths, rows, time, MASKED)  # pyright: ignore[reportGeneralTypeIssues]
    reverse = (BACKWARDS >> direction) & 1
    unit = tl.arange(0, WIDTH)[None, :]
    inside = (place < rows)[:, None] & (unit < HIDDEN)
    state = (direction * rows + row)[:, None] * HIDDEN + unit
    weight += direction * GATES * HIDDEN * HIDDEN
    h = tl.load(initial_h + state, mask=inside, other=0.0)
    c = h
    if CELL == "lstm":
        c = tl.load(initial_c + state, mask=inside, other=0.0)
    inner = tl.zeros_like(h)
    if HAS_BIAS:
        inner += tl.load(bias + direction * HIDDEN + unit, mask=unit < HIDDEN, other=0.0)
    dropped = factor + (direction * rows + row)[:, None] * GATES * HIDDEN + unit
    f0, f1, f2, f3 = by_gate(dropped, inside, h, HIDDEN, GATES, HAS_FACTOR)
    u0, u1, u2, u3 = matrices(weight, h, HIDDEN, WIDTH, GATES, False, RESIDENT)
    token = token_at(0, row, length, steps, time, reverse, MASKED)
    after = token_at(1, row, length, steps, time, reverse, MASKED)
    there = inside & (length > 0)[:, None]
    x = projected + (token * directions + direction)[:, None] * GATES * HIDDEN + unit
    x0, x1, x2, x3 = by_gate(x, there, h, HIDDEN, GATES, True)
    for step in range(0, tl.max(length, 0)):
        active = inside & (step < length)[:, None]
        there = inside & (step + 1 < length)[:, None]
        x = projected + (after * directions + direction)[:, None] * GATES * HIDDEN + unit
        y0, y1, y2, y3 = by_gate(x, there, h, HIDDEN, GATES, True)
        beyond = token_at(step + 2, row, length, steps, time, reverse, MASKED)
        at = (token * directions + direction)[:, None]
        keep = saved + at * SAVED * HIDDEN + unit
        if KEEPS:
            tl.store(previous + at * HIDDEN + unit, h, mask=active)
        s0 = x0 + times(h * f0 if HAS_FACTOR else h, u0, weight,
                        0, HIDDEN, WIDTH, False, RESIDENT, PRECISION)  # fmt: skip
        if CELL == "rnn":
            new = activated(s0, ACT)
        else:
            s1 = x1 + times(h * f1 if HAS_FACTOR else h, u1, weight,
                            1, HIDDEN, WIDTH, False, RESIDENT, PRECISION)  # fmt: skip
            seen = h
            if CELL == "gru reset before":
                seen = h * activated(s0, GATE)
            if HAS_FACTOR:
                seen = seen * f2
            s2 = inner + times(seen, u2, weight,
                               2, HIDDEN, WIDTH, False, RESIDENT, PRECISION)  # fmt: skip
            first, second = activated(s0, GATE), activated(s1, GATE)
            if CELL == "lstm":
                s3 = x3 + times(h * f3 if HAS_FACTOR else h, u3, weight,
                                3, HIDDEN, WIDTH, False, RESIDENT, PRECISION)  # fmt: skip
                third, fourth = activated(x2 + s2, ACT), activated(s3, GATE)
                memory = second * c + first * third
                new = fourth * activated(memory, ACT)
                if KEEPS:
                    tl.store(keep + 4 * HIDDEN, c, mask=active)
                c = tl.where(active, memory, c)
            else:
                fourth = s2
                if CELL == "gru":
                    third = activated(x2 + first * s2, ACT)
                else:
                    third = activated(x2 + s2, ACT)
                    fourth = seen
                new = second * h + (1.0 - second) * third
            if KEEPS:
                tl.store(keep, first, mask=active)
                tl.store(keep + HIDDEN, second, mask=active)
                tl.store(keep + 2 * HIDDEN, third, mask=active)
                tl.store(keep + 3 * HIDDEN, fourth, mask=active)
        tl.store(outputs + at * HIDDEN + unit, new, mask=active)
        h = tl.where(active, new, h)
        x0, x1, x2, x3 = y0, y1, y2, y3
        token, after = after, beyond
    if CELL == "lstm":
        tl.store(final_c + state, c, mask=inside)
    tl.store(final_h + state, h, mask=inside)
