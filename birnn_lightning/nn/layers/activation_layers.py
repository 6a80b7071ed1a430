"""The layers that apply an activation; masks pass.

At the kinks they have TensorFlow's slopes, see `birnn_lightning.nn.activations`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.core import parameter
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.variables import Variable, variable


class _Elementwise(Layer):
    """Applies a function; the mask passes and changes nothing."""

    def __init__(self, spec: specs.LayerSpec, shape: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.spec = spec

    def activate(self, values: Tensor) -> Tensor:
        """The function."""
        raise NotImplementedError

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged."""
        ((values, mask),) = inputs
        return Masked(self.activate(values), mask)


@layer_for(specs.Activation)
class Activation(_Elementwise):
    """An activation by name."""

    spec: specs.Activation

    def activate(self, values: Tensor) -> Tensor:
        """The activation."""
        return ACTIVATIONS[self.spec.activation](values)


def leaky_relu(values: Tensor, slope: float) -> Tensor:
    """``x``, or ``slope * x`` below 0; TensorFlow keeps the slope as a float32."""
    return functional.leaky_relu(values, torch.tensor(slope, dtype=torch.float32).item())


@layer_for(specs.LeakyReLU)
class LeakyReLU(_Elementwise):
    """A slope below 0."""

    spec: specs.LeakyReLU

    def activate(self, values: Tensor) -> Tensor:
        """``x``, or ``negative_slope * x`` below 0."""
        return leaky_relu(values, self.spec.negative_slope)


@layer_for(specs.IdentityLayer)
class IdentityLayer(_Elementwise):
    """Leaves its input as it is."""

    def activate(self, values: Tensor) -> Tensor:
        """The same."""
        return values


@layer_for(specs.ReLU)
class ReLU(_Elementwise):
    """A slope below a threshold, ``x`` above it, up to a limit."""

    spec: specs.ReLU

    def activate(self, values: Tensor) -> Tensor:
        """The part above the threshold less that below it."""
        limit, slope, threshold = (
            self.spec.max_value,
            self.spec.negative_slope,
            self.spec.threshold,
        )
        if slope and limit is None and not threshold:
            return leaky_relu(values, slope)
        if threshold:
            above = torch.where(values > threshold, values, 0)
        else:
            above = functional.relu6(values) if limit == 6 else torch.relu(values)
        if limit is not None and (threshold or limit != 6):
            above = above.clamp(0, limit)
        return above - slope * torch.relu(threshold - values) if slope else above


@layer_for(specs.PReLU)
class PReLU(_Elementwise):
    """A trained slope below 0; parameter ``alpha``, of size 1 along shared axes."""

    spec: specs.PReLU

    def __init__(self, spec: specs.PReLU, shape: specs.Shape) -> None:
        """Draws the slopes."""
        super().__init__(spec, shape)
        self.alpha = parameter(draw(spec.alpha_initializer, spec.alpha_shape(shape)))

    def activate(self, values: Tensor) -> Tensor:
        """``x``, or ``alpha * x`` below 0; at 0 the slope is 0."""
        return torch.relu(values) - self.alpha * torch.relu(-values)

    def variables(self) -> Iterator[Variable]:
        """The slopes."""
        yield from variable(self.spec, "alpha", self.alpha)


@layer_for(specs.ELU)
class ELU(_Elementwise):
    """An exponential below 0."""

    spec: specs.ELU

    def activate(self, values: Tensor) -> Tensor:
        """``x``, or ``alpha * (exp(x) - 1)`` below 0."""
        return torch.where(values > 0, values, self.spec.alpha * functional.elu(values))


@layer_for(specs.Softmax)
class Softmax(_Elementwise):
    """Positive numbers that sum to 1 along an axis; 0 where masked."""

    spec: specs.Softmax

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged; a mask must have the shape of the values.

        Raises:
            ValueError: a mask of another shape, e.g. ``(batch, time)`` for values with features.
        """
        ((values, mask),) = inputs
        if mask is None:
            return Masked(torch.softmax(values, self.spec.axis))
        if mask.shape != values.shape:
            raise ValueError(
                f"Softmax: a mask must have the shape {tuple(values.shape)} of the values; got "
                f"{tuple(mask.shape)}. Use Activation('softmax'), which leaves the mask alone."
            )
        large = -3e4 if values.dtype == torch.float16 else -1e9
        weights = torch.softmax(torch.where(mask, values, large), self.spec.axis)
        return Masked(torch.where(mask, weights, 0), mask)
