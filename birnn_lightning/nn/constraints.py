"""What constraints make of a weight: Keras's arithmetic on the array as Keras shapes it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.specs import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm

KERAS_EPSILON = 1e-7
"""What Keras adds to a norm before it divides by it; so a norm at its bound ends just below it."""


def constrained(spec: Constraint, array: Tensor) -> Tensor:
    """The array that satisfies the constraint.

    Args:
        spec: the constraint.
        array: as Keras shapes it; the order of gates does not matter.

    Raises:
        ValueError: an axis that the array does not have.
    """
    return _PROJECTIONS[type(spec)](spec, array)


def _norms(spec: MaxNorm | MinMaxNorm | UnitNorm, array: Tensor) -> Tensor:
    axes = spec.axis if isinstance(spec.axis, tuple) else (spec.axis,)
    if any(not -array.ndim <= axis < array.ndim for axis in axes):
        raise ValueError(
            f"{type(spec).__name__}: axis must be axes of an array {tuple(array.shape)}, as Keras "
            f"shapes it; got {spec.axis!r}."
        )
    return array.square().sum(axes, keepdim=True).sqrt()


def _max_norm(spec: MaxNorm, array: Tensor) -> Tensor:
    norms = _norms(spec, array)
    return array * (norms.clamp(0, spec.max_value) / (KERAS_EPSILON + norms))


def _min_max_norm(spec: MinMaxNorm, array: Tensor) -> Tensor:
    norms = _norms(spec, array)
    wanted = spec.rate * norms.clamp(spec.min_value, spec.max_value) + (1 - spec.rate) * norms
    return array * (wanted / (KERAS_EPSILON + norms))


_PROJECTIONS: dict[type[Constraint], Callable[[Any, Tensor], Tensor]] = {
    MaxNorm: _max_norm,
    MinMaxNorm: _min_max_norm,
    UnitNorm: lambda spec, array: array / (KERAS_EPSILON + _norms(spec, array)),
    NonNeg: lambda spec, array: torch.clamp(array, min=0),
}
