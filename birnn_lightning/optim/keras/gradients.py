"""Gradients are clipped as Keras clips them; sparse ones as Keras on TensorFlow sees them.

The gradient of an embedding whose rows are looked up several times is a sparse tensor with one
value for each occurrence of a row. Keras on TensorFlow clips, squares and takes the magnitude of
those values before it adds them up per row. ``nn.Embedding(sparse=True)`` gives such gradients.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from birnn_lightning.optim.keras import foreach


class Gradients(NamedTuple):
    """Gradients of several parameters, all of them dense or all of them sparse.

    Attributes:
        sums: dense gradients.
        occurrences: the sparse tensors that they are the sums of; None where they were dense.
    """

    sums: list[Tensor]
    occurrences: list[Tensor] | None

    def squares(self) -> list[Tensor]:
        """Squares of the gradients, or sums of the squares of their occurrences: new tensors."""
        if self.occurrences is None:
            return list(foreach.mul(self.sums, self.sums))
        return [_of_values(occurrence, torch.square) for occurrence in self.occurrences]

    def magnitudes(self) -> list[Tensor]:
        """Magnitudes of the gradients, or sums of those of their occurrences: new tensors."""
        if self.occurrences is None:
            return list(foreach.abs(self.sums))
        return [_of_values(occurrence, torch.abs) for occurrence in self.occurrences]


def collected(gradients: Iterable[Tensor]) -> Gradients:
    """Gradients that are all dense or all sparse, ready for an update."""
    gradients = list(gradients)
    if not gradients[0].is_sparse:
        return Gradients(gradients, None)
    return Gradients([gradient.to_dense() for gradient in gradients], gradients)


def clip_by_value(gradients: Mapping[Tensor, Tensor], clipvalue: float) -> dict[Tensor, Tensor]:
    """Every element of every gradient between ``-clipvalue`` and ``clipvalue``."""
    values = foreach.clamp_min(_values(gradients), -clipvalue)
    foreach.clamp_max_(values, clipvalue)
    return _with_values(gradients, values)


def clip_by_norm(
    gradients: Mapping[Tensor, Tensor], clipnorm: float, variable_of: Mapping[Tensor, int]
) -> dict[Tensor, Tensor]:
    """The gradient of every variable with a norm of at most ``clipnorm``.

    Args:
        gradients: by parameter.
        clipnorm: the largest norm.
        variable_of: numbers the variables that have several parameters; any other parameter is a
            variable of its own.
    """
    values = _values(gradients)
    totals: dict[Tensor | int, Tensor] = {}
    variables: list[Tensor | int] = [variable_of.get(key, key) for key in gradients]
    for variable, square in zip(variables, _squared_norms(values), strict=True):
        known = totals.get(variable)
        totals[variable] = square if known is None else known + square.to(known)
    bounds = foreach.sqrt(list(totals.values()))
    foreach.clamp_min_(bounds, clipnorm)
    bound_of = dict(zip(totals, bounds, strict=True))
    clipped = foreach.mul(values, clipnorm)
    divisors = [
        bound_of[variable].to(value) for variable, value in zip(variables, clipped, strict=True)
    ]
    foreach.div_(clipped, divisors)
    return _with_values(gradients, clipped)


def clip_by_global_norm(
    gradients: Mapping[Tensor, Tensor], clipnorm: float
) -> dict[Tensor, Tensor]:
    """All gradients, which become dense, scaled so that their norm is at most ``clipnorm``.

    The scale is ``clipnorm * min(1 / norm, 1 / clipnorm)``, and NaN for a norm that is not finite.
    """
    squares = _squared_norms(_values(gradients))
    norm = torch.stack([square.to(squares[0]) for square in squares]).sum().sqrt()
    scale = clipnorm * torch.clamp_max(1.0 / norm, 1.0 / clipnorm) + (norm - norm)
    scaled: dict[Tensor, Tensor] = {}
    for part in by_kind(gradients):
        dense = [_dense(gradients[parameter]) for parameter in part]
        scaled.update(zip(part, foreach.mul(dense, scale.to(dense[0])), strict=True))
    return {parameter: scaled[parameter] for parameter in gradients}


def by_kind(parameters: Iterable[Tensor]) -> list[list[Tensor]]:
    """Parameters in lists of one device and one dtype."""
    parts: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for parameter in parameters:
        parts.setdefault((parameter.device, parameter.dtype), []).append(parameter)
    return list(parts.values())


def added(total: list[Tensor], gradients: Iterable[Tensor]) -> None:
    """Adds dense or sparse gradients to dense tensors, in place."""
    foreach.add_(total, [_dense(gradient) for gradient in gradients])


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


def _squared_norms(values: list[Tensor]) -> list[Tensor]:
    norms = foreach.norm(values)
    # The square overflows where Keras's sum of squares does.
    return list(foreach.mul(norms, norms))


def _values(gradients: Mapping[Tensor, Tensor]) -> list[Tensor]:
    return [
        gradient._values() if gradient.is_sparse else gradient for gradient in gradients.values()
    ]


def _with_values(
    gradients: Mapping[Tensor, Tensor], values: Iterable[Tensor]
) -> dict[Tensor, Tensor]:
    return {
        parameter: _sparse(gradient, value) if gradient.is_sparse else value
        for (parameter, gradient), value in zip(gradients.items(), values, strict=True)
    }


def _sparse(like: Tensor, values: Tensor) -> Tensor:
    return torch.sparse_coo_tensor(like._indices(), values, like.shape, check_invariants=False)


def _of_values(occurrences: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    return _sparse(occurrences, function(occurrences._values())).to_dense()
