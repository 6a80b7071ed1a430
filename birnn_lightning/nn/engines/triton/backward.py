"""The recurrence from its last step to its first, one program a tile of rows and direction.

As `forward`, with the gradients of the sums in the place of the sums.
"""

# ruff: noqa: N803 - constants of a kernel are in capitals, arguments are named above

import triton
import triton.language as tl

from birnn_lightning.nn.engines.triton.arithmetic import (
    activated,
    by_gate,
    matrices,
    row_of,
    slope,
    times,
    token_at,
)


@triton.jit
def _read(outputs, previous, saved, of_outputs, token, there, unit, direction, directions,
          CELL: tl.constexpr, HIDDEN: tl.constexpr, SAVED: tl.constexpr):  # fmt: skip
    """A token's gradient from above, its four saved values, and its memory or state before.

    Of the RNN the first saved value is the output; what a cell lacks is the gradient again.
    """
    at = (token * directions + direction)[:, None]
    of_output = tl.load(of_outputs + at * HIDDEN + unit, mask=there, other=0.0)
    v0, v1, v2, v3, v4 = of_output, of_output, of_output, of_output, of_output
    if CELL == "rnn":
        v0 = tl.load(outputs + at * HIDDEN + unit, mask=there, other=0.0)
    else:
        keep = saved + at * SAVED * HIDDEN + unit
        v0 = tl.load(keep, mask=there, other=0.0)
        v1 = tl.load(keep + HIDDEN, mask=there, other=0.0)
        v2 = tl.load(keep + 2 * HIDDEN, mask=there, other=0.0)
        v3 = tl.load(keep + 3 * HIDDEN, mask=there, other=0.0)
        if CELL == "lstm":
            v4 = tl.load(keep + 4 * HIDDEN, mask=there, other=0.0)
        else:
            v4 = tl.load(previous + at * HIDDEN + unit, mask=there, other=0.0)
    return of_output, v0, v1, v2, v3, v4


@triton.jit(do_not_specialize=["rows", "time", "directions"])
def backward(
    projected, weight, bias, factor, initial_h, initial_c,
    outputs, previous, saved, of_outputs, of_sums,
    of_final_h, of_final_c, of_initial_h, of_initial_c,
    order, lengths, steps, rows, time, directions,
    CELL: tl.constexpr, ACT: tl.constexpr, GATE: tl.constexpr, HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, GATES: tl.constexpr, SUMS: tl.constexpr,
    SAVED: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_FACTOR: tl.constexpr,
    MASKED: tl.constexpr, BACKWARDS: tl.constexpr, KEEPS: tl.constexpr,
    RESIDENT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Writes the gradients of the sums, in the order of the gates, and of the initial states."""
    direction = tl.program_id(1)
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row, length = row_of(place, order, lengths, rows, time, MASKED)  # pyright: ignore[reportGeneralTypeIssues]
    reverse = (BACKWARDS >> direction) & 1
    unit = tl.arange(0, WIDTH)[None, :]
    inside = (place < rows)[:, None] & (unit < HIDDEN)
    state = (direction * rows + row)[:, None] * HIDDEN + unit
    weight += direction * GATES * HIDDEN * HIDDEN
    dh = tl.load(of_final_h + state, mask=inside, other=0.0)
    dc = dh
    if CELL == "lstm":
        dc = tl.load(of_final_c + state, mask=inside, other=0.0)
    dropped = factor + (direction * rows + row)[:, None] * GATES * HIDDEN + unit
    f0, f1, f2, f3 = by_gate(dropped, inside, dh, HIDDEN, GATES, HAS_FACTOR)
    u0, u1, u2, u3 = matrices(weight, dh, HIDDEN, WIDTH, GATES, True, RESIDENT)
    longest = tl.max(length, 0)
    token = token_at(longest - 1, row, length, steps, time, reverse, MASKED)
    after = token_at(longest - 2, row, length, steps, time, reverse, MASKED)
    there = inside & (longest - 1 < length)[:, None]
    of_output, v0, v1, v2, v3, v4 = _read(
        outputs, previous, saved, of_outputs, token, there, unit, direction, directions,
        CELL, HIDDEN, SAVED,
    )  # fmt: skip
    for count in range(0, longest):
        step = longest - 1 - count
        active = inside & (step < length)[:, None]
        there = inside & (step > 0) & (step - 1 < length)[:, None]
        of_next, w0, w1, w2, w3, w4 = _read(
            outputs, previous, saved, of_outputs, after, there, unit, direction, directions,
            CELL, HIDDEN, SAVED,
        )  # fmt: skip
        beyond = token_at(step - 2, row, length, steps, time, reverse, MASKED)
        give = of_sums + (token * directions + direction)[:, None] * SUMS * HIDDEN + unit
        total = dh + of_output
        if CELL == "rnn":
            d0 = total * slope(v0, ACT)
            before = tl.zeros_like(dh)
        else:
            if CELL == "lstm":
                a = activated(v1 * v4 + v0 * v2, ACT)
                of_c = dc + total * v3 * slope(a, ACT)
                d0 = of_c * v2 * slope(v0, GATE)
                d1 = of_c * v4 * slope(v1, GATE)
                d2 = of_c * v0 * slope(v2, ACT)
                d3 = total * a * slope(v3, GATE)
                dc = tl.where(active, of_c * v1, dc)
                tl.store(give + 3 * HIDDEN, d3, mask=active)
                before = times(d3, u3, weight, 3, HIDDEN, WIDTH, True, RESIDENT, PRECISION)
                if HAS_FACTOR:
                    before = before * f3
                of_seen = times(d2, u2, weight, 2, HIDDEN, WIDTH, True, RESIDENT, PRECISION)
                if HAS_FACTOR:
                    of_seen = of_seen * f2
                before += of_seen
            else:
                d2 = total * (1.0 - v1) * slope(v2, ACT)
                d1 = total * (v4 - v2) * slope(v1, GATE)
                before = total * v1
                inner = d2
                if CELL == "gru":
                    inner = d2 * v0
                    tl.store(give + 3 * HIDDEN, inner, mask=active)
                of_seen = times(inner, u2, weight, 2, HIDDEN, WIDTH, True, RESIDENT, PRECISION)
                if HAS_FACTOR:
                    of_seen = of_seen * f2
                if CELL == "gru":
                    d0 = d2 * v3 * slope(v0, GATE)
                    before += of_seen
                else:
                    d0 = of_seen * v4 * slope(v0, GATE)
                    before += of_seen * v0
            tl.store(give + HIDDEN, d1, mask=active)
            tl.store(give + 2 * HIDDEN, d2, mask=active)
            of_second = times(d1, u1, weight, 1, HIDDEN, WIDTH, True, RESIDENT, PRECISION)
            if HAS_FACTOR:
                of_second = of_second * f1
            before += of_second
        tl.store(give, d0, mask=active)
        of_first = times(d0, u0, weight, 0, HIDDEN, WIDTH, True, RESIDENT, PRECISION)
        if HAS_FACTOR:
            of_first = of_first * f0
        before += of_first
        dh = tl.where(active, before, dh)
        of_output, v0, v1, v2, v3, v4 = of_next, w0, w1, w2, w3, w4
        token, after = after, beyond
    tl.store(of_initial_h + state, dh, mask=inside)
    if CELL == "lstm":
        tl.store(of_initial_c + state, dc, mask=inside)
