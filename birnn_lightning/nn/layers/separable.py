"""Convolutions along time in which every feature is convolved by itself."""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.convolution import bias_parameter, convolve, kernel_parameter
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.variables import Variable, variable

_Spec = specs.DepthwiseConv1D | specs.SeparableConv1D


def _depthwise_size(spec: _Spec, features: int) -> tuple[int, ...]:
    return (spec.kernel_size, features, spec.depth_multiplier)


def _each_convolved(values: Tensor, weight: Tensor, bias: Tensor | None, spec: _Spec) -> Tensor:
    """``(batch, time, feature)`` to ``(batch, feature * depth_multiplier, windows)``."""
    grouped = weight.transpose(0, 1).flatten(0, 1)[:, None]
    return convolve(values.transpose(1, 2), grouped, bias, spec, values.shape[2])


@layer_for(specs.DepthwiseConv1D)
class DepthwiseConv1D(Layer):
    """``weight (depth_multiplier, input_size, kernel_size)``, ``bias`` of the output's features."""

    def __init__(self, spec: specs.DepthwiseConv1D, shape: specs.Shape) -> None:
        """Draws the weights."""
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        features = known_size(type(spec).__name__, shape)
        size = _depthwise_size(spec, features)
        self.weight = kernel_parameter(spec.depthwise_initializer, size)
        self.bias = bias_parameter(spec, features * spec.depth_multiplier)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, windows, more features)``; drops the mask."""
        ((values, _),) = inputs
        convolved = _each_convolved(values, self.weight, self.bias, self.spec)
        return Masked(self.activation(convolved.transpose(1, 2)))

    def variables(self) -> Iterator[Variable]:
        """Kernel and bias."""
        yield from variable(self.spec, "kernel", self.weight, settings="depthwise")
        yield from variable(self.spec, "bias", self.bias)


@layer_for(specs.SeparableConv1D)
class SeparableConv1D(Layer):
    """Two weights and a bias.

    Attributes:
        depthwise: parameter ``(depth_multiplier, input_size, kernel_size)``.
        pointwise: parameter ``(filters, input_size * depth_multiplier, 1)``.
        bias: parameter ``(filters,)``, or None.
    """

    def __init__(self, spec: specs.SeparableConv1D, shape: specs.Shape) -> None:
        """Draws the weights."""
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        features = known_size(type(spec).__name__, shape)
        size = _depthwise_size(spec, features)
        self.depthwise = kernel_parameter(spec.depthwise_initializer, size)
        size = (1, features * spec.depth_multiplier, spec.filters)
        self.pointwise = kernel_parameter(spec.pointwise_initializer, size)
        self.bias = bias_parameter(spec, spec.filters)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, windows, filters)``; the mask is dropped."""
        ((values, _),) = inputs
        convolved = _each_convolved(values, self.depthwise, None, self.spec)
        mapped = functional.conv1d(convolved, self.pointwise, self.bias)
        return Masked(self.activation(mapped.transpose(1, 2)))

    def variables(self) -> Iterator[Variable]:
        """Both kernels and the bias."""
        yield from variable(self.spec, "depthwise_kernel", self.depthwise, settings="depthwise")
        yield from variable(self.spec, "pointwise_kernel", self.pointwise, settings="pointwise")
        yield from variable(self.spec, "bias", self.bias)
