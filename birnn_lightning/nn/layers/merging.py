"""The layers that make one tensor of several branches, and one mask of their masks."""

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, check_mask

SMALLEST_NORM = 1e-7
"""Keras divides a vector that is to get length 1 by this at least."""


class _Merge(Layer):
    """Merges inputs of shapes that agree; one of fewer axes gets its missing ones after the batch.

    A step is valid where it is in any input, if every input has a mask.
    """

    def __init__(self, spec: specs.LayerSpec, *shapes: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.spec = spec

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """The values that two or more inputs of equal rank give."""
        raise NotImplementedError

    def forward(self, *inputs: Masked) -> Masked:
        """Several ``(batch, ...)`` to one."""
        rank = max(values.dim() for values, _ in inputs)
        merged = self.merge([_with_rank(one, rank) for one in inputs])
        masks = [mask for _, mask in inputs if mask is not None]
        if len(masks) < len(inputs):
            return Masked(merged)
        if len({mask.dim() for mask in masks}) > 1:
            raise ValueError(
                f"{type(self.spec).__name__}: the masks must have the same axes; got "
                f"{', '.join(str(tuple(mask.shape)) for mask in masks)}. Let them come from layers "
                "of the same kind, or none come in."
            )
        return Masked(merged, reduce(torch.logical_or, masks))


def _of_features(values: Tensor, mask: Tensor) -> Tensor:
    """A mask with an axis for the features; it must speak of all other axes of the values."""
    check_mask(mask, *values.shape[:-1])
    return mask[..., None]


def _with_rank(given: Masked, rank: int) -> Masked:
    """Axes of size 1 after the batch; Keras forgets the mask of an input that needs them."""
    values = given.values
    missing = rank - values.dim()
    if not missing:
        return given
    return Masked(values.reshape(len(values), *(1,) * missing, *values.shape[1:]))


@layer_for(specs.Add)
class Add(_Merge):
    """The sum."""

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """From the first to the last."""
        return reduce(torch.add, (values for values, _ in inputs))


@layer_for(specs.Subtract)
class Subtract(_Merge):
    """The difference."""

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """The first less the second."""
        return inputs[0].values - inputs[1].values


@layer_for(specs.Average)
class Average(_Merge):
    """The mean."""

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """The sum over the number of inputs."""
        return reduce(torch.add, (values for values, _ in inputs)) / len(inputs)


@layer_for(specs.Multiply)
class Multiply(_Merge):
    """The product; a masked factor counts as 1, and the product of masked ones alone is 0."""

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """From the first to the last."""
        factors = [
            values if mask is None else torch.where(_of_features(values, mask), values, 1)
            for values, mask in inputs
        ]
        product = reduce(torch.mul, factors)
        masks = [mask[..., None] for _, mask in inputs if mask is not None]
        if len(masks) < len(inputs):
            return product
        return torch.where(reduce(torch.logical_or, masks), product, 0)


def _extreme(inputs: Sequence[Masked], first_wins: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Folds from the first to the last; a masked value gives way to the other.

    Of equal values the first gets the gradient, as in TensorFlow; `torch.maximum` splits it.
    """
    for values, mask in inputs:
        if mask is not None:
            check_mask(mask, *values.shape[:-1])
    merged, known = inputs[0]
    for values, mask in inputs[1:]:
        other = values if mask is None else torch.where(mask[..., None], values, merged)
        if known is not None:
            merged = torch.where(known[..., None], merged, other)
        known = None if mask is None or known is None else known | mask
        merged = torch.where(first_wins(merged, other), merged, other)
    return merged


@layer_for(specs.Maximum)
class Maximum(_Merge):
    """The largest of what is valid."""

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """From the first to the last."""
        return _extreme(inputs, torch.ge)


@layer_for(specs.Minimum)
class Minimum(_Merge):
    """The smallest of what is valid."""

    def merge(self, inputs: Sequence[Masked]) -> Tensor:
        """From the first to the last."""
        return _extreme(inputs, torch.le)


@layer_for(specs.Concatenate)
class Concatenate(Layer):
    """One input after the other; an input without a mask is valid everywhere."""

    def __init__(self, spec: specs.Concatenate, *shapes: specs.Shape) -> None:
        """Takes the axis."""
        super().__init__()
        self.axis = spec.axis

    def forward(self, *inputs: Masked) -> Masked:
        """Several ``(batch, ...)`` to one. A step is valid where any feature of it is."""
        joined = torch.cat([values for values, _ in inputs], self.axis)
        if all(mask is None for _, mask in inputs):
            return Masked(joined)
        valid = [
            torch.ones_like(values, dtype=torch.bool)
            if mask is None
            else _of_features(values, mask).expand_as(values)
            for values, mask in inputs
        ]
        return Masked(joined, torch.cat(valid, self.axis).any(-1))


@layer_for(specs.Dot)
class Dot(Layer):
    """The sum of products along an axis of each input; the mask is dropped."""

    def __init__(self, spec: specs.Dot, *shapes: specs.Shape) -> None:
        """Finds the axes."""
        super().__init__()
        first, second = spec.positions(*shapes)
        self.axes = first + 1, second + 1
        self.normalize = spec.normalize

    def forward(self, *inputs: Masked) -> Masked:
        """The axes that are left of the first, then those of the second; one of size 1 for none."""
        first, second = (
            _unit_length(values, axis) if self.normalize else values
            for (values, _), axis in zip(inputs, self.axes, strict=True)
        )
        first, second = first.movedim(self.axes[0], -1), second.movedim(self.axes[1], 1)
        batch, size = len(first), first.shape[-1]
        left = (*first.shape[1:-1], *second.shape[2:])
        product = first.reshape(batch, -1, size) @ second.reshape(batch, size, -1)
        return Masked(product.reshape(batch, *(left or (1,))))


def _unit_length(values: Tensor, axis: int) -> Tensor:
    inverse = torch.rsqrt(values.square().sum(axis, keepdim=True))
    return values * inverse.clamp(max=1 / SMALLEST_NORM)
