"""The layers that disturb activations in training and do nothing otherwise; masks pass."""

import math

from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import SELU_ALPHA, SELU_SCALE
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.noise import dropout_factor, normal

KEY = "inputs"


class _Disturbance(Layer):
    """Changes its input in training alone."""

    def __init__(self, spec: specs.LayerSpec, shape: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.spec = spec

    def disturbed(self, values: Tensor) -> Tensor:
        """What becomes of the values in training."""
        raise NotImplementedError

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged."""
        ((values, mask),) = inputs
        return Masked(self.disturbed(values) if self.training else values, mask)


class _Dropout(_Disturbance):
    """Draws for single elements, or for several at once."""

    spec: specs.Dropout | specs.AlphaDropout

    def factor(self, values: Tensor) -> Tensor:
        """0 where the values are dropped, otherwise ``1 / (1 - rate)``."""
        sizes = self.spec.noise_shape or (None,) * values.dim()
        shape = tuple(size or whole for size, whole in zip(sizes, tuple(values.shape), strict=True))
        return dropout_factor(self.noise, KEY, shape, self.spec.rate, values)


@layer_for(specs.Dropout)
class Dropout(_Dropout):
    """Inverted dropout."""

    def disturbed(self, values: Tensor) -> Tensor:
        """Each draw zeroes its elements or scales them up."""
        return values * self.factor(values) if self.spec.rate else values


@layer_for(specs.AlphaDropout)
class AlphaDropout(_Dropout):
    """Dropout to the lowest value of a SELU, then moved and scaled to the old mean and variance."""

    def disturbed(self, values: Tensor) -> Tensor:
        """Mean 0 and variance 1 stay what they are (Klambauer et al. 2017, section 3)."""
        rate, lowest = self.spec.rate, -SELU_ALPHA * SELU_SCALE
        if not rate:
            return values
        scale = ((1 - rate) * (1 + rate * lowest**2)) ** -0.5
        kept = (self.factor(values) > 0).to(values.dtype)
        return scale * (values * kept + lowest * (1 - kept)) - scale * lowest * rate


@layer_for(specs.SpatialDropout1D)
class SpatialDropout1D(_Disturbance):
    """Inverted dropout of whole features."""

    spec: specs.SpatialDropout1D

    def disturbed(self, values: Tensor) -> Tensor:
        """``(batch, time, feature)``: one draw for all steps of a feature."""
        return _features_dropped(self, values, self.spec)


@layer_for(specs.SpatialDropout2D)
class SpatialDropout2D(_Disturbance):
    """Inverted dropout of whole channels."""

    spec: specs.SpatialDropout2D

    def disturbed(self, values: Tensor) -> Tensor:
        """``(batch, height, width, channel)``: one draw for all pixels of a channel."""
        return _features_dropped(self, values, self.spec)


def _features_dropped(
    layer: Layer, values: Tensor, spec: specs.SpatialDropout1D | specs.SpatialDropout2D
) -> Tensor:
    if not spec.rate:
        return values
    axis = 1 if spec.channels_first else -1
    shape = [values.shape[0], *(1,) * (values.dim() - 1)]
    shape[axis] = values.shape[axis]
    return values * dropout_factor(layer.noise, KEY, tuple(shape), spec.rate, values)


@layer_for(specs.ActivityRegularization)
class ActivityRegularization(_Disturbance):
    """Leaves its input as it is: the penalty is taken from outside, as every layer's."""

    def disturbed(self, values: Tensor) -> Tensor:
        """The same."""
        return values


@layer_for(specs.GaussianDropout)
class GaussianDropout(_Disturbance):
    """Multiplies by normal deviates around 1."""

    spec: specs.GaussianDropout

    def disturbed(self, values: Tensor) -> Tensor:
        """Their deviation is that of inverted dropout."""
        if not self.spec.rate:
            return values
        stddev = math.sqrt(self.spec.rate / (1 - self.spec.rate))
        return values * (1 + stddev * normal(self.noise, KEY, tuple(values.shape), values))


@layer_for(specs.GaussianNoise)
class GaussianNoise(_Disturbance):
    """Adds normal deviates."""

    spec: specs.GaussianNoise

    def disturbed(self, values: Tensor) -> Tensor:
        """Each element gets its own."""
        if not self.spec.stddev:
            return values
        return values + self.spec.stddev * normal(self.noise, KEY, tuple(values.shape), values)
