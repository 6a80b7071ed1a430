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
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.variables import Variable, variable

KERAS_EPSILON = 1e-7
"""What Keras adds to a count of valid steps before it divides by it."""


class _Normalization(Layer):
    """Parameters ``gamma (feature,)`` and ``beta (feature,)``, each None where not asked for."""

    def __init__(
        self, spec: specs.LayerNormalization | specs.BatchNormalization, shape: specs.Shape
    ) -> None:
        """Draws the parameters."""
        super().__init__()
        self.spec = spec
        self.epsilon = spec.epsilon
        size = (known_size(type(spec).__name__, shape),)
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
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` over the features of a step."""

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., feature)``, unchanged; the mask passes."""
        ((values, mask),) = inputs
        wide = _wide(values)
        gamma, beta = (None if p is None else p.to(wide.dtype) for p in (self.gamma, self.beta))
        normal = functional.layer_norm(wide, wide.shape[-1:], gamma, beta, self.epsilon)
        return Masked(normal.to(values.dtype), mask)


@layer_for(specs.BatchNormalization)
class BatchNormalization(_Normalization):
    """Mean and variance of a batch in training, moving averages otherwise.

    Attributes:
        moving_mean: buffer ``(feature,)``.
        moving_variance: buffer ``(feature,)``, of biased variances, as in Keras.
    """

    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(self, spec: specs.BatchNormalization, shape: specs.Shape) -> None:
        """Draws parameters and moving averages."""
        super().__init__(spec, shape)
        self.momentum = spec.momentum
        size = (known_size("BatchNormalization", shape),)
        dtype = torch.get_default_dtype()
        mean = draw(spec.moving_mean_initializer, size)
        variance = draw(spec.moving_variance_initializer, size)
        self.register_buffer("moving_mean", mean.to(dtype))
        self.register_buffer("moving_variance", variance.to(dtype))

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., feature)``, unchanged; the mask passes.

        Raises:
            ValueError: in training, a mask that has not all axes of the values but the last.
        """
        ((values, mask),) = inputs
        wide = _wide(values)
        if self.training:
            mean, variance = _moments(wide, mask)
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
        return Masked((wide * factor + offset).to(values.dtype), mask)

    @torch.no_grad()
    def _move(self, name: str, value: Tensor) -> None:
        average = getattr(self, name)
        moved = average.to(value) * self.momentum + value * (1 - self.momentum)
        average.copy_(moved)


def _moments(values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance ``(feature,)`` over all other axes, of the valid steps."""
    flat = values.flatten(0, -2)
    if mask is None:
        mean = flat.mean(0)
        return mean, (flat - mean).square().mean(0)
    if mask.shape != values.shape[:-1]:
        raise ValueError(
            f"BatchNormalization: the mask must have the shape {tuple(values.shape[:-1])} of the "
            f"values without their last axis; got {tuple(mask.shape)}."
        )
    valid = mask.flatten()[:, None]
    count = valid.sum().to(values.dtype) + KERAS_EPSILON
    mean = torch.where(valid, flat, 0).sum(0) / count
    variance = torch.where(valid, flat - mean, 0).square().sum(0) / count
    return mean, variance
