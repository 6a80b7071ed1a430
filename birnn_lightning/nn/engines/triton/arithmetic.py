"""What both kernels compute with: activations, their slopes, products with a gate's matrix."""

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
def activated(x, NAME: tl.constexpr):
    """An activation by its name in the spec."""
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
def slope(y, NAME: tl.constexpr):
    """An activation's derivative, from its output."""
    if NAME == "tanh":
        found = 1.0 - y * y
    elif NAME == "sigmoid":
        found = y * (1.0 - y)
    elif NAME == "relu":
        found = tl.where(y > 0.0, 1.0, 0.0)
    elif NAME == "hard_sigmoid":
        found = tl.where((y > 0.0) & (y < 1.0), 1.0, 0.0).to(y.dtype) / 6.0
    else:
        found = tl.full(y.shape, 1.0, y.dtype)
    return found.to(y.dtype)


@triton.jit
def matrix(
    weight, GATE: tl.constexpr, HIDDEN: tl.constexpr, WIDTH: tl.constexpr, BACK: tl.constexpr
):
    """``U`` of a gate as ``(state, unit)``; ``BACK``: as ``(unit, state)``."""
    first, second = tl.arange(0, WIDTH)[:, None], tl.arange(0, WIDTH)[None, :]
    at = first * HIDDEN + second if BACK else second * HIDDEN + first
    inside = (first < HIDDEN) & (second < HIDDEN)
    return tl.load(weight + GATE * HIDDEN * HIDDEN + at, mask=inside, other=0.0)


@triton.jit
def matrices(
    weight, none, HIDDEN: tl.constexpr, WIDTH: tl.constexpr, GATES: tl.constexpr,
    BACK: tl.constexpr, RESIDENT: tl.constexpr,
):  # fmt: skip
    """``U`` of every gate; ``none`` of a gate that the cell lacks, and where none is resident."""
    u0, u1, u2, u3 = none, none, none, none
    if RESIDENT:
        u0 = matrix(weight, 0, HIDDEN, WIDTH, BACK)
        if GATES > 1:
            u1 = matrix(weight, 1, HIDDEN, WIDTH, BACK)
            u2 = matrix(weight, 2, HIDDEN, WIDTH, BACK)
        if GATES > 3:
            u3 = matrix(weight, 3, HIDDEN, WIDTH, BACK)
    return u0, u1, u2, u3


@triton.jit
def by_gate(at, inside, none, HIDDEN: tl.constexpr, GATES: tl.constexpr, EXIST: tl.constexpr):
    """What lies gate by gate, such as projected inputs; ``none`` of a gate that the cell lacks."""
    x0, x1, x2, x3 = none, none, none, none
    if EXIST:
        x0 = tl.load(at, mask=inside, other=0.0)
        if GATES > 1:
            x1 = tl.load(at + HIDDEN, mask=inside, other=0.0)
            x2 = tl.load(at + 2 * HIDDEN, mask=inside, other=0.0)
        if GATES > 3:
            x3 = tl.load(at + 3 * HIDDEN, mask=inside, other=0.0)
    return x0, x1, x2, x3


@triton.jit
def times(
    x, u, weight, GATE: tl.constexpr, HIDDEN: tl.constexpr, WIDTH: tl.constexpr,
    BACK: tl.constexpr, RESIDENT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """``x`` times the matrix of a gate: ``u``, or, where it is not resident, read for this step."""
    if not RESIDENT:
        u = matrix(weight, GATE, HIDDEN, WIDTH, BACK)
    return tl.dot(x, u, input_precision=PRECISION, out_dtype=x.dtype)


@triton.jit
def row_of(place, order, lengths, rows, time, MASKED: tl.constexpr):
    """The batch's row at each place, and how many steps it has."""
    there = place < rows
    row = tl.where(there, place, 0).to(tl.int64)
    length = tl.where(there, time, 0)
    if MASKED:
        row = tl.load(order + place, mask=there, other=0)
        length = tl.load(lengths + row, mask=there, other=0).to(tl.int32)
    return row, length


@triton.jit
def token_at(step, row, length, steps, time, reverse, MASKED: tl.constexpr):
    """The token of each row at its own step; any where it has no such step."""
    index = tl.where(reverse != 0, length - 1 - step, step).to(tl.int64)
    if MASKED:
        exists = (step >= 0) & (step < length)
        index = tl.load(steps + row * time + index, mask=exists, other=0)
    return row * time + index
