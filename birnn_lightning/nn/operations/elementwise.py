"""Operations that compute every number from the numbers at its place."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn.activations import ACTIVATIONS

SQRT_2_OVER_PI = 0.7978845608028654
GELU_CUBE = 0.044714998453855515
"""0.044715 as a float32: what TensorFlow computes with, whatever the precision."""

Operand = Tensor | float
"""A tensor or a number; of two operands one is a tensor."""


def as_tensor(value: Operand, other: Operand) -> Tensor:
    """A number as a tensor of the type that it has beside ``other``."""
    if isinstance(value, Tensor):
        return value
    assert isinstance(other, Tensor)
    return torch.tensor(value, dtype=torch.result_type(other, value), device=other.device)


def _extreme(wins: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Operand, Operand], Tensor]:
    """Of equal values the first gets the gradient, as in TensorFlow; NaN wins over all."""

    def extreme(x1: Operand, x2: Operand) -> Tensor:
        first, second = as_tensor(x1, x2), as_tensor(x2, x1)
        return torch.where(wins(first, second) | (first != first), first, second)

    return extreme


maximum = _extreme(torch.ge)


def _floor_divide(x1: Operand, x2: Operand) -> Tensor:
    """The floor of the quotient; Python and torch take the remainder into account instead."""
    first, second = as_tensor(x1, x2), as_tensor(x2, x1)
    if first.is_floating_point() or second.is_floating_point():
        return torch.floor(first / second)
    return torch.floor_divide(first, second)


def _divide_no_nan(x1: Operand, x2: Operand) -> Tensor:
    second = as_tensor(x2, x1)
    safe = torch.where(second == 0, 1, second)
    return torch.where(second == 0, 0.0, x1 / safe)


def _integers(values: Tensor) -> Tensor:
    """Flags as the integers that Keras computes with."""
    return values.int() if values.dtype == torch.bool else values


def _where(condition: Tensor, x1: Operand, x2: Operand) -> Tensor:
    return torch.where(condition.bool(), x1, x2)


def _elu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def _leaky_relu(x: Tensor, negative_slope: float) -> Tensor:
    """TensorFlow holds the slope as a float32, whatever the precision."""
    return functional.leaky_relu(x, torch.tensor(negative_slope, dtype=torch.float32).item())


def _gelu(x: Tensor, approximate: bool) -> Tensor:
    """Exact, or by a hyperbolic tangent with TensorFlow's constants (Hendrycks & Gimpel 2016)."""
    if not approximate:
        return ACTIVATIONS["gelu"](x)
    return 0.5 * x * (1 + torch.tanh(SQRT_2_OVER_PI * (x + GELU_CUBE * x**3)))


def _logical(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An operation on what is not 0."""
    return lambda *given: combine(
        *(part.bool() if isinstance(part, Tensor) else torch.tensor(bool(part)) for part in given)
    )


def _like(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, dtype=None: build(x, dtype=dtype or x.dtype)


_EXACT: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": _floor_divide,
    "mod": operator.mod,
    "power": operator.pow,
    "maximum": maximum,
    "minimum": _extreme(torch.le),
    "equal": operator.eq,
    "not_equal": operator.ne,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "logical_and": _logical(torch.logical_and),
    "logical_or": _logical(torch.logical_or),
    "logical_xor": _logical(torch.logical_xor),
    "logical_not": _logical(torch.logical_not),
    "where": _where,
    "absolute": torch.abs,
    "negative": torch.neg,
    "sign": torch.sign,
    "square": lambda x: _integers(x).square(),
    "clip": lambda x, x_min, x_max: _integers(x).clamp(x_min, x_max),
    "relu": torch.relu,
    "isnan": torch.isnan,
    "isfinite": torch.isfinite,
    "cast": lambda x, dtype: x.to(dtype),
    "convert_to_tensor": lambda x, dtype=None: x.to(dtype or x.dtype),
    "stop_gradient": Tensor.detach,
    "zeros_like": _like(torch.zeros_like),
    "ones_like": _like(torch.ones_like),
}

_TORCH_NAMES = "exp expm1 log log1p log2 log10 sqrt rsqrt erf reciprocal floor ceil sin cos"
_ACTIVATION_NAMES = (
    "tanh sigmoid hard_sigmoid log_sigmoid relu6 selu silu hard_silu softplus softsign"
)

_FLOATING: dict[str, Callable[..., Any]] = {
    "divide": operator.truediv,
    "true_divide": operator.truediv,
    "divide_no_nan": _divide_no_nan,
    **{name: getattr(torch, name) for name in _TORCH_NAMES.split()},
    **{name: ACTIVATIONS[name] for name in _ACTIVATION_NAMES.split()},
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
}

ELEMENTWISE = {**_EXACT, **_FLOATING}
FLOATING_ELEMENTWISE = frozenset(_FLOATING)
