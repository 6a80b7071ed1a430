"""Keras's initial weights: values of a Keras-shaped array, from Keras's distributions.

Fans and orthogonality are properties of the array as Keras shapes it, so a weight is drawn in that
shape and then brought into torch's layout: ``weight.copy_(draw(spec, (inputs, rows)).T)``. Keras's
shapes are ``(in, out)`` for dense and recurrent kernels, with all gates in ``out``;
``(time, in, out)`` for convolutions; ``(tokens, features)`` for embeddings; ``(out,)`` for biases.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.specs.initializers import (
    Constant,
    Identity,
    Initializer,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)

TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal variable that is at most 2 from 0."""

Shape = tuple[int, ...]


@torch.no_grad()
def draw(spec: Initializer, shape: Shape) -> Tensor:
    """A new float64 array, from torch's generator.

    Args:
        spec: the distribution.
        shape: of the array in Keras.

    Raises:
        ValueError: an initialiser of matrices for an array that is none; the message names both.
    """
    return _DRAWS[type(spec)](spec, torch.empty(shape, dtype=torch.float64))


def fans(shape: Shape) -> tuple[int, int]:
    """``(fan_in, fan_out)`` of a Keras-shaped array; a convolution's count its receptive field."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    *field, fan_in, fan_out = shape
    return fan_in * math.prod(field), fan_out * math.prod(field)


def _truncated_normal(values: Tensor, mean: float, stddev: float) -> Tensor:
    """Within two deviations, by the inverse of the distribution function."""
    edge = math.erf(math.sqrt(2))
    return values.uniform_(-edge, edge).erfinv_().mul_(math.sqrt(2) * stddev).add_(mean)


def _variance_scaling(spec: VarianceScaling, values: Tensor) -> Tensor:
    fan_in, fan_out = fans(tuple(values.shape))
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[spec.mode]
    stddev = math.sqrt(spec.scale / max(1.0, fan))
    if spec.distribution == "uniform":
        return values.uniform_(-math.sqrt(3) * stddev, math.sqrt(3) * stddev)
    if spec.distribution == "untruncated_normal":
        return values.normal_(0, stddev)
    return _truncated_normal(values, 0, stddev / TRUNCATED_STDDEV)


def _orthogonal(spec: Orthogonal, values: Tensor) -> Tensor:
    """Uniform over the matrices with orthonormal columns, or rows where there are fewer.

    Source: Mezzadri 2007: the QR decomposition of a normal matrix, made unique by signs.
    """
    if values.ndim < 2:
        raise ValueError(f"Orthogonal needs at least 2 axes; got the shape {tuple(values.shape)}.")
    columns = values.shape[-1]
    rows = values.numel() // columns
    q, r = torch.linalg.qr(values.new_empty(max(rows, columns), min(rows, columns)).normal_())
    q = q * r.diagonal().sign()
    return spec.gain * (q.T if rows < columns else q).reshape(values.shape)


def _identity(spec: Identity, values: Tensor) -> Tensor:
    if values.ndim != 2:
        raise ValueError(f"Identity needs 2 axes; got the shape {tuple(values.shape)}.")
    return spec.gain * torch.eye(*values.shape, dtype=values.dtype)


_DRAWS: dict[type[Initializer], Callable[[Any, Tensor], Tensor]] = {
    Zeros: lambda spec, values: values.zero_(),
    Ones: lambda spec, values: values.fill_(1),
    Constant: lambda spec, values: values.fill_(spec.value),
    RandomNormal: lambda spec, values: values.normal_(spec.mean, spec.stddev),
    RandomUniform: lambda spec, values: values.uniform_(spec.minval, spec.maxval),
    TruncatedNormal: lambda spec, values: _truncated_normal(values, spec.mean, spec.stddev),
    VarianceScaling: _variance_scaling,
    Orthogonal: _orthogonal,
    Identity: _identity,
}
