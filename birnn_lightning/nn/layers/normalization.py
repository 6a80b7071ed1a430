"""The layers that bring activations to a common mean and variance."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.core import parameter
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.specs.axes import axis_positions, known_sizes
from birnn_lightning.nn.variables import Variable, variable

KERAS_EPSILON = 1e-7
"""What Keras adds to a count of valid steps before it divides by it."""


class _Normalization(Layer):
    """Parameters ``gamma`` and ``beta`` of the sizes of the axes, None where not asked for."""

    def __init__(
        self,
        spec: specs.LayerNormalization | specs.BatchNormalization | specs.GroupNormalization,
        shape: specs.Shape,
    ) -> None:
        """Draws the parameters."""
        super().__init__()
        self.spec = spec
        self.epsilon = spec.epsilon
        owner = type(spec).__name__
        self.size = size = known_sizes(owner, spec.axis, shape)
        self.positions = tuple(one + 1 for one in axis_positions(owner, spec.axis, shape))
        self.gamma = parameter(draw(spec.gamma_initializer, size)) if spec.scale else None
        self.beta = parameter(draw(spec.beta_initializer, size)) if spec.center else None

    def variables(self) -> Iterator[Variable]:
        """Factor and offset; moving averages are not trained."""
        yield from variable(self.spec, "gamma", self.gamma)
        yield from variable(self.spec, "beta", self.beta)


def _wide(values: Tensor) -> Tensor:
    """In float32 at least, as Keras normalises."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@layer_for(specs.LayerNormalization)
class LayerNormalization(_Normalization):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` over the axes of an element."""

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., feature)``, unchanged; the mask passes."""
        ((values, mask),) = inputs
        last = tuple(range(-len(self.positions), 0))
        wide = _wide(values).movedim(self.positions, last)
        gamma, beta = (None if p is None else p.to(wide.dtype) for p in (self.gamma, self.beta))
        normal = functional.layer_norm(wide, self.size, gamma, beta, self.epsilon)
        return Masked(normal.movedim(last, self.positions).to(values.dtype), mask)


@layer_for(specs.GroupNormalization)
class GroupNormalization(_Normalization):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta``, group by group of an element."""

    def __init__(self, spec: specs.GroupNormalization, shape: specs.Shape) -> None:
        """Draws the parameters."""
        super().__init__(spec, shape)
        self.groups = spec.group_count(shape)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., feature)``, unchanged; masked steps count, and the mask passes."""
        ((values, mask),) = inputs
        wide = _wide(values).movedim(-1, 1)
        gamma, beta = (None if p is None else p.to(wide.dtype) for p in (self.gamma, self.beta))
        normal = torch.group_norm(wide, self.groups, gamma, beta, self.epsilon)
        return Masked(normal.movedim(1, -1).to(values.dtype), mask)


@layer_for(specs.BatchNormalization)
class BatchNormalization(_Normalization):
    """Mean and variance of a batch in training, moving averages otherwise.

    Attributes:
        moving_mean: buffer of the size of the axis.
        moving_variance: likewise, of biased variances, as in Keras.
    """

    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(self, spec: specs.BatchNormalization, shape: specs.Shape) -> None:
        """Draws parameters and moving averages."""
        super().__init__(spec, shape)
        self.momentum = spec.momentum
        dtype = torch.get_default_dtype()
        mean = draw(spec.moving_mean_initializer, self.size)
        variance = draw(spec.moving_variance_initializer, self.size)
        self.register_buffer("moving_mean", mean.to(dtype))
        self.register_buffer("moving_variance", variance.to(dtype))

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., feature)``, unchanged; the mask passes.

        Raises:
            ValueError: in training, a mask that has not all axes of the values but the last.
        """
        ((values, mask),) = inputs
        (position,) = self.positions
        wide = _wide(values).movedim(position, -1)
        if self.training:
            mean, variance = _moments(wide, _valid(mask, values, position))
            self._move("moving_mean", mean)
            self._move("moving_variance", variance)
        else:
            mean, variance = self.moving_mean.to(wide), self.moving_variance.to(wide)
        factor = torch.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * self.gamma
        offset = -mean * factor
        if self.beta is not None:
            offset = offset + self.beta
        normal = (wide * factor + offset).movedim(-1, position)
        return Masked(normal.to(values.dtype), mask)

    @torch.no_grad()
    def _move(self, name: str, value: Tensor) -> None:
        average = getattr(self, name)
        moved = average.to(value) * self.momentum + value * (1 - self.momentum)
        average.copy_(moved)


def _valid(mask: Tensor | None, values: Tensor, position: int) -> Tensor | None:
    """A mask with an axis for the features, which stand at ``position``, moved to the end."""
    if mask is None:
        return None
    if mask.shape != values.shape[:-1]:
        raise ValueError(
            f"BatchNormalization: the mask must have the shape {tuple(values.shape[:-1])} of the "
            f"values without their last axis; got {tuple(mask.shape)}."
        )
    if position == values.dim() - 1:
        return mask[..., None]
    return mask[..., None].expand(values.shape).movedim(position, -1)


def _moments(values: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance ``(feature,)`` over all other axes, of what is valid."""
    flat = values.flatten(0, -2)
    if valid is None:
        mean = flat.mean(0)
        return mean, (flat - mean).square().mean(0)
    valid = valid.flatten(0, -2)
    count = valid.sum(0).to(values.dtype) + KERAS_EPSILON
    mean = torch.where(valid, flat, 0).sum(0) / count
    variance = torch.where(valid, flat - mean, 0).square().sum(0) / count
    return mean, variance
