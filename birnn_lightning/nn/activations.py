"""Activations under Keras's names, with Keras 3's formulas and TensorFlow's slopes at the kinks.

An activation that has settings takes Keras's defaults. Two functions of Keras are left out:
``threshold``, whose settings have no defaults, and ``glu``, whose output is half as wide as its
input.

Where a formula has no derivative, autograd must find the one that TensorFlow takes: `Tensor.clamp`
passes the whole gradient at its bounds, as TensorFlow's ``maximum``, ``minimum`` and
``clip_by_value`` do, while `torch.maximum` halves it and ``hardtanh`` stops it.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Activation = Callable[[Tensor], Tensor]

LEAKY_SLOPE = 0.20000000298023224
"""0.2 as a float32: what TensorFlow computes with, whatever the precision."""
SQRT_HALF = 0.707106769084930419921875
"""The square root of 1/2 as a float32: what TensorFlow's ``gelu`` multiplies with."""
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(x: Tensor) -> Tensor:
    """Klambauer et al. 2017; its slope at 0 is that of the positive side."""
    below = SELU_ALPHA * torch.expm1(torch.where(x < 0, x, 0.0))
    return SELU_SCALE * torch.where(x < 0, below, x)


def celu(x: Tensor) -> Tensor:
    """Barron 2017; its slope at 0 is 2, as Keras adds both sides'."""
    return x.clamp(min=0) + torch.expm1(x.clamp(max=0))


def gelu(x: Tensor) -> Tensor:
    """``x P(X <= x)`` for a standard normal ``X`` (Hendrycks & Gimpel 2016)."""
    return 0.5 * x * torch.erfc(-x * SQRT_HALF)


def hard_sigmoid(x: Tensor) -> Tensor:
    """``relu6(x + 3) / 6``; the slope of `torch.nn.functional.hardsigmoid` is a float32 1/6."""
    return functional.relu6(x + 3) / 6


def softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))``; `torch.nn.functional.softplus` is ``x`` from 20 on, off by 2e-9."""
    return torch.logaddexp(x, torch.zeros_like(x))


def sparse_plus(x: Tensor) -> Tensor:
    """``(x + 1)² / 4`` between -1 and 1, the integral of `sparse_sigmoid`."""
    return torch.where(x <= -1, 0.0, torch.where(x < 1, (x + 1).square() / 4, x))


def sparse_sigmoid(x: Tensor) -> Tensor:
    """``(x + 1) / 2`` between -1 and 1, where its slope is 0."""
    return torch.where(x <= -1, 0.0, torch.where(x >= 1, 1.0, (x + 1) / 2))


def squareplus(x: Tensor) -> Tensor:
    """``(x + sqrt(x² + 4)) / 2`` (Barron 2021)."""
    return (x + (x.square() + 4).sqrt()) / 2


def soft_shrink(x: Tensor) -> Tensor:
    """``x`` moved by 1/2 towards 0, where it stays."""
    return torch.where(x > 0.5, x - 0.5, torch.where(x < -0.5, x + 0.5, 0.0))


def hard_shrink(x: Tensor) -> Tensor:
    """``x``, or 0 where ``|x| <= 1/2``."""
    return torch.where(x.abs() > 0.5, x, 0.0)


def hard_sigmoid_keras2(x: Tensor) -> Tensor:
    """``clip(0.2 x + 0.5, 0, 1)``: what Keras 1 and 2 call ``hard_sigmoid``."""
    return (0.2 * x + 0.5).clamp(0, 1)


def sparsemax(x: Tensor) -> Tensor:
    """What Keras up to 3.15 calls sparsemax, on the last axis (keras#23425).

    Over the ``k`` entries of the support its threshold is ``(Σ_j Σ_{i<=j} x_i - 1) / k``, where
    that of Martins & Astudillo 2016 is ``(Σ_i x_i - 1) / k``. They agree where one entry takes all;
    the outputs of a larger support do not sum to 1.
    """
    ordered = x.sort(dim=-1, descending=True).values
    sums = ordered.cumsum(-1)
    ranks = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype, device=x.device)
    support = ordered - (sums - 1) / ranks > 0
    count = support.sum(-1, keepdim=True).to(x.dtype)
    threshold = (torch.where(support, sums, 0.0).sum(-1, keepdim=True) - 1) / count
    return (x - threshold).clamp(min=0)


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda x: x,
    "tanh": torch.tanh,
    "hard_tanh": lambda x: x.clamp(-1, 1),
    "tanh_shrink": lambda x: x - torch.tanh(x),
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "hard_sigmoid_keras2": hard_sigmoid_keras2,
    "sparse_sigmoid": sparse_sigmoid,
    "log_sigmoid": lambda x: -softplus(-x),
    "relu": torch.relu,
    "relu6": functional.relu6,
    "leaky_relu": lambda x: functional.leaky_relu(x, LEAKY_SLOPE),
    "elu": functional.elu,
    "celu": celu,
    "selu": selu,
    "gelu": gelu,
    "silu": functional.silu,
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "mish": lambda x: x * torch.tanh(softplus(x)),
    "softplus": softplus,
    "sparse_plus": sparse_plus,
    "squareplus": squareplus,
    "softsign": functional.softsign,
    "soft_shrink": soft_shrink,
    "hard_shrink": hard_shrink,
    "exponential": torch.exp,
    "softmax": lambda x: torch.softmax(x, dim=-1),
    "log_softmax": lambda x: torch.log_softmax(x, dim=-1),
    "sparsemax": sparsemax,
}


def check_activation(owner: str, field: str, name: str) -> None:
    """Raises ValueError unless ``name`` is a known activation."""
    if name not in ACTIVATIONS:
        known = ", ".join(sorted(ACTIVATIONS))
        raise ValueError(f"{owner}: {field} must be one of {known}; got {name!r}.")
