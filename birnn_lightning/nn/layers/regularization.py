"""The layers that disturb activations in training and do nothing otherwise; masks pass."""

import math

from torch import Tensor

from birnn_lightning.nn import specs
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


@layer_for(specs.Dropout)
class Dropout(_Disturbance):
    """Inverted dropout."""

    spec: specs.Dropout

    def disturbed(self, values: Tensor) -> Tensor:
        """Each draw zeroes its elements or scales them up."""
        if not self.spec.rate:
            return values
        sizes = self.spec.noise_shape or (None,) * values.dim()
        shape = tuple(size or whole for size, whole in zip(sizes, tuple(values.shape), strict=True))
        return values * dropout_factor(self.noise, KEY, shape, self.spec.rate, values)


@layer_for(specs.SpatialDropout1D)
class SpatialDropout1D(_Disturbance):
    """Inverted dropout of whole features."""

    spec: specs.SpatialDropout1D

    def disturbed(self, values: Tensor) -> Tensor:
        """``(batch, time, feature)``: one draw for all steps of a feature."""
        if not self.spec.rate:
            return values
        shape = (values.shape[0], 1, values.shape[2])
        return values * dropout_factor(self.noise, KEY, shape, self.spec.rate, values)


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
