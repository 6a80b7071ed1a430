"""The recurrence forward and backward, one program a tile of rows and direction.

Tensors are contiguous; their shapes are those of `function.Kept` and `operands.Operands`. A row
that has ended keeps its state. What is not a unit, or not a row, is loaded as zero.
"""

# ruff: noqa: N803 - constants of a kernel are in capitals, arguments are named above

import triton
import triton.language as tl


@triton.jit
def _tanh(x):
    """Cephes's tanh: a rational function near zero, where exp would lose digits."""
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z
    near = x + x * z * p / (q + 4.84406305325125486048e3)
    e = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - e) / (1.0 + e)
    return tl.where(tl.abs(x) < 0.625, near, tl.where(x < 0.0, -far, far))


@triton.jit
def _activated(x, NAME: tl.constexpr):
    if NAME == "tanh":
        x = _tanh(x)
    elif NAME == "sigmoid":
        x = 1.0 / (1.0 + tl.exp(-x))
    elif NAME == "relu":
        x = tl.where(x < 0.0, 0.0, x)
    elif NAME == "hard_sigmoid":
        x = tl.minimum(tl.maximum(x + 3.0, 0.0), 6.0) / 6.0
    return x


@triton.jit
def _slope(y, NAME: tl.constexpr):
    """From the activation's output."""
    if NAME == "tanh":
        slope = 1.0 - y * y
    elif NAME == "sigmoid":
        slope = y * (1.0 - y)
    elif NAME == "relu":
        slope = tl.where(y > 0.0, 1.0, 0.0)
    elif NAME == "hard_sigmoid":
        slope = tl.where((y > 0.0) & (y < 1.0), 1.0, 0.0).to(y.dtype) / 6.0
    else:
        slope = tl.full(y.shape, 1.0, y.dtype)
    return slope.to(y.dtype)


@triton.jit
def _matrix(
    weight, GATE: tl.constexpr, HIDDEN: tl.constexpr, WIDTH: tl.constexpr, BACK: tl.constexpr
):
    """``U`` of a gate as ``(state, unit)``; ``BACK``: as ``(unit, state)``."""
    first, second = tl.arange(0, WIDTH)[:, None], tl.arange(0, WIDTH)[None, :]
    at = first * HIDDEN + second if BACK else second * HIDDEN + first
    inside = (first < HIDDEN) & (second < HIDDEN)
    return tl.load(weight + GATE * HIDDEN * HIDDEN + at, mask=inside, other=0.0)


@triton.jit
def _times(x, matrix, PRECISION: tl.constexpr):
    return tl.dot(x, matrix, input_precision=PRECISION, out_dtype=x.dtype)


@triton.jit
def _dropped(x, factor, inside, GATE: tl.constexpr, HIDDEN: tl.constexpr, HAS_FACTOR: tl.constexpr):
    """The state, or its gradient, times what dropout leaves of it for a gate."""
    if HAS_FACTOR:
        x = x * tl.load(factor + GATE * HIDDEN, mask=inside, other=0.0)
    return x


@triton.jit
def forward(
    projected, weight, bias, factor, initial_h, initial_c,
    outputs, previous, saved, final_h, final_c,
    starts, lengths, backwards, rows, directions,
    CELL: tl.constexpr, ACT: tl.constexpr, GATE: tl.constexpr, HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, GATES: tl.constexpr, SUMS: tl.constexpr,
    SAVED: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_FACTOR: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Writes outputs, the states before them, what is saved, and the final states."""
    row, direction = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.program_id(1)
    unit = tl.arange(0, WIDTH)[None, :]
    inside = (row < rows)[:, None] & (unit < HIDDEN)
    state = (direction * rows + row)[:, None] * HIDDEN + unit
    factor += (direction * rows + row)[:, None] * GATES * HIDDEN + unit
    weight += direction * GATES * HIDDEN * HIDDEN
    start = tl.load(starts + row, mask=row < rows, other=0)
    length = tl.load(lengths + row, mask=row < rows, other=0)
    reverse = tl.load(backwards + direction)
    h = tl.load(initial_h + state, mask=inside, other=0.0)
    c = h
    if CELL == "lstm":
        c = tl.load(initial_c + state, mask=inside, other=0.0)
    inner = tl.zeros_like(h)
    if HAS_BIAS:
        inner += tl.load(bias + direction * HIDDEN + unit, mask=unit < HIDDEN, other=0.0)
    u0 = _matrix(weight, 0, HIDDEN, WIDTH, False)
    u1, u2, u3 = u0, u0, u0  # of gates that the cell does not have
    if GATES > 1:
        u1 = _matrix(weight, 1, HIDDEN, WIDTH, False)
        u2 = _matrix(weight, 2, HIDDEN, WIDTH, False)
    if GATES > 3:
        u3 = _matrix(weight, 3, HIDDEN, WIDTH, False)
    for step in range(0, tl.max(length, 0)):
        active = inside & (step < length)[:, None]
        token = start + tl.where(reverse != 0, length - 1 - step, step)
        place = (token * directions + direction)[:, None]
        x = projected + place * GATES * HIDDEN + unit
        keep = saved + place * SAVED * HIDDEN + unit
        tl.store(previous + place * HIDDEN + unit, h, mask=active)
        s0 = tl.load(x, mask=active, other=0.0) + _times(
            _dropped(h, factor, inside, 0, HIDDEN, HAS_FACTOR), u0, PRECISION
        )
        if CELL == "rnn":
            new = _activated(s0, ACT)
        else:
            s1 = tl.load(x + HIDDEN, mask=active, other=0.0) + _times(
                _dropped(h, factor, inside, 1, HIDDEN, HAS_FACTOR), u1, PRECISION
            )
            x2 = tl.load(x + 2 * HIDDEN, mask=active, other=0.0)
            seen = h
            if CELL == "gru reset before":
                seen = h * _activated(s0, GATE)
            seen = _dropped(seen, factor, inside, 2, HIDDEN, HAS_FACTOR)
            s2 = inner + _times(seen, u2, PRECISION)
            first, second = _activated(s0, GATE), _activated(s1, GATE)
            tl.store(keep, first, mask=active)
            tl.store(keep + HIDDEN, second, mask=active)
            if CELL == "lstm":
                s3 = tl.load(x + 3 * HIDDEN, mask=active, other=0.0) + _times(
                    _dropped(h, factor, inside, 3, HIDDEN, HAS_FACTOR), u3, PRECISION
                )
                g, o = _activated(x2 + s2, ACT), _activated(s3, GATE)
                tl.store(keep + 2 * HIDDEN, g, mask=active)
                tl.store(keep + 3 * HIDDEN, o, mask=active)
                tl.store(keep + 4 * HIDDEN, c, mask=active)
                after = second * c + first * g
                new = o * _activated(after, ACT)
                c = tl.where(active, after, c)
            else:
                kept = s2
                if CELL == "gru":
                    n = _activated(x2 + first * s2, ACT)
                else:
                    n = _activated(x2 + s2, ACT)
                    kept = seen
                tl.store(keep + 2 * HIDDEN, n, mask=active)
                tl.store(keep + 3 * HIDDEN, kept, mask=active)
                new = second * h + (1.0 - second) * n
        tl.store(outputs + place * HIDDEN + unit, new, mask=active)
        h = tl.where(active, new, h)
    if CELL == "lstm":
        tl.store(final_c + state, c, mask=inside)
    tl.store(final_h + state, h, mask=inside)


@triton.jit
def backward(
    projected, weight, bias, factor, initial_h, initial_c,
    outputs, previous, saved, of_outputs, of_sums,
    of_final_h, of_final_c, of_initial_h, of_initial_c,
    starts, lengths, backwards, rows, directions,
    CELL: tl.constexpr, ACT: tl.constexpr, GATE: tl.constexpr, HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, GATES: tl.constexpr, SUMS: tl.constexpr,
    SAVED: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_FACTOR: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Writes the gradients of the sums, in the order of the gates, and of the initial states."""
    row, direction = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.program_id(1)
    unit = tl.arange(0, WIDTH)[None, :]
    inside = (row < rows)[:, None] & (unit < HIDDEN)
    state = (direction * rows + row)[:, None] * HIDDEN + unit
    factor += (direction * rows + row)[:, None] * GATES * HIDDEN + unit
    weight += direction * GATES * HIDDEN * HIDDEN
    start = tl.load(starts + row, mask=row < rows, other=0)
    length = tl.load(lengths + row, mask=row < rows, other=0)
    reverse = tl.load(backwards + direction)
    dh = tl.load(of_final_h + state, mask=inside, other=0.0)
    dc = dh
    if CELL == "lstm":
        dc = tl.load(of_final_c + state, mask=inside, other=0.0)
    u0 = _matrix(weight, 0, HIDDEN, WIDTH, True)
    u1, u2, u3 = u0, u0, u0  # of gates that the cell does not have
    if GATES > 1:
        u1 = _matrix(weight, 1, HIDDEN, WIDTH, True)
        u2 = _matrix(weight, 2, HIDDEN, WIDTH, True)
    if GATES > 3:
        u3 = _matrix(weight, 3, HIDDEN, WIDTH, True)
    longest = tl.max(length, 0)
    for count in range(0, longest):
        step = longest - 1 - count
        active = inside & (step < length)[:, None]
        token = start + tl.where(reverse != 0, length - 1 - step, step)
        place = (token * directions + direction)[:, None]
        keep = saved + place * SAVED * HIDDEN + unit
        give = of_sums + place * SUMS * HIDDEN + unit
        total = dh + tl.load(of_outputs + place * HIDDEN + unit, mask=active, other=0.0)
        if CELL == "rnn":
            y = tl.load(outputs + place * HIDDEN + unit, mask=active, other=0.0)
            d0 = total * _slope(y, ACT)
            before = tl.zeros_like(dh)
        else:
            first = tl.load(keep, mask=active, other=0.0)
            second = tl.load(keep + HIDDEN, mask=active, other=0.0)
            third = tl.load(keep + 2 * HIDDEN, mask=active, other=0.0)
            fourth = tl.load(keep + 3 * HIDDEN, mask=active, other=0.0)
            if CELL == "lstm":
                memory = tl.load(keep + 4 * HIDDEN, mask=active, other=0.0)
                a = _activated(second * memory + first * third, ACT)
                of_c = dc + total * fourth * _slope(a, ACT)
                d0 = of_c * third * _slope(first, GATE)
                d1 = of_c * memory * _slope(second, GATE)
                d2 = of_c * first * _slope(third, ACT)
                d3 = total * a * _slope(fourth, GATE)
                dc = tl.where(active, of_c * second, dc)
                tl.store(give + 3 * HIDDEN, d3, mask=active)
                before = _dropped(_times(d3, u3, PRECISION), factor, inside, 3, HIDDEN, HAS_FACTOR)
                of_seen = _dropped(_times(d2, u2, PRECISION), factor, inside, 2, HIDDEN, HAS_FACTOR)
                before += of_seen
            else:
                h = tl.load(previous + place * HIDDEN + unit, mask=active, other=0.0)
                d2 = total * (1.0 - second) * _slope(third, ACT)
                d1 = total * (h - third) * _slope(second, GATE)
                before = total * second
                inner = d2
                if CELL == "gru":
                    inner = d2 * first
                    tl.store(give + 3 * HIDDEN, inner, mask=active)
                of_seen = _dropped(
                    _times(inner, u2, PRECISION), factor, inside, 2, HIDDEN, HAS_FACTOR
                )
                if CELL == "gru":
                    d0 = d2 * fourth * _slope(first, GATE)
                    before += of_seen
                else:
                    d0 = of_seen * h * _slope(first, GATE)
                    before += of_seen * first
            tl.store(give + HIDDEN, d1, mask=active)
            tl.store(give + 2 * HIDDEN, d2, mask=active)
            before += _dropped(_times(d1, u1, PRECISION), factor, inside, 1, HIDDEN, HAS_FACTOR)
        tl.store(give, d0, mask=active)
        before += _dropped(_times(d0, u0, PRECISION), factor, inside, 0, HIDDEN, HAS_FACTOR)
        dh = tl.where(active, before, dh)
    tl.store(of_initial_h + state, dh, mask=inside)
    if CELL == "lstm":
        tl.store(of_initial_c + state, dc, mask=inside)
