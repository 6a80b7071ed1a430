"""Every activation as its formula, in NumPy float64, by its name in Keras."""

import math
from collections.abc import Callable

import numpy as np

Array = np.ndarray
Function = Callable[[Array], Array]

LEAKY_SLOPE = float(np.float32(0.2))
SQRT_HALF = float(np.float32(math.sqrt(0.5)))
"""TensorFlow rounds these two constants to float32 in every precision."""


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``, without overflow."""
    return np.exp(-np.logaddexp(0.0, -x))


def softmax(x: Array) -> Array:
    """``exp(x) / Σ exp(x)`` over the last axis."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def log_softmax(x: Array) -> Array:
    """``x - log Σ exp(x)`` over the last axis."""
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def celu(x: Array) -> Array:
    """``exp(x) - 1`` below 0; ``elu`` is the same function."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """``elu`` with the constants of Klambauer et al. 2017."""
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x: Array) -> Array:
    """``x`` times the standard normal distribution function."""
    return x / 2 * np.vectorize(math.erfc, otypes=[float])(-x * SQRT_HALF)


def sparse_plus(x: Array) -> Array:
    """A parabola between the half-lines ``0`` and ``x``."""
    return np.select([x <= -1, x < 1], [0 * x, (x + 1) ** 2 / 4], x)


def sparsemax(x: Array) -> Array:
    """As Keras up to 3.15 has it: the threshold adds up partial sums (keras#23425)."""
    return np.apply_along_axis(_sparsemax_row, -1, x)


def _sparsemax_row(row: Array) -> Array:
    partial_sums = []
    for count, value in enumerate(sorted(row, reverse=True), start=1):
        total = value + (partial_sums[-1] if partial_sums else 0.0)
        if count * value <= total - 1:
            break
        partial_sums.append(total)
    return np.maximum(row - (sum(partial_sums) - 1) / len(partial_sums), 0)


FORMULAS: dict[str, Function] = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid_keras2": lambda x: np.clip(x / 5 + 0.5, 0, 1),
    "sparse_sigmoid": lambda x: np.clip(x / 2 + 0.5, 0, 1),
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, LEAKY_SLOPE * x),
    "elu": celu,
    "celu": celu,
    "selu": selu,
    "gelu": gelu,
    "silu": lambda x: x * sigmoid(x),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "sparse_plus": sparse_plus,
    "squareplus": lambda x: (x + np.hypot(x, 2)) / 2,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: x * (np.abs(x) > 0.5),
    "exponential": np.exp,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sparsemax": sparsemax,
}
