"""Convolutions along time and over images, with TensorFlow's padding."""

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.core import parameter
from birnn_lightning.nn.layers.space import around, features_first, features_placed, window_padded
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.specs.convolution import WithBias
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.initializers import Initializer
from birnn_lightning.nn.specs.windows import window_counts
from birnn_lightning.nn.variables import Variable, variable

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d}


def kernel_parameter(initializer: Initializer, shape: tuple[int, ...]) -> nn.Parameter:
    """A kernel that is ``(*taps, input, output)`` in Keras as ``(output, input, *taps)``."""
    last = len(shape) - 1
    return parameter(draw(initializer, shape).permute(last, last - 1, *range(last - 1)))


def bias_parameter(spec: WithBias, filters: int) -> nn.Parameter | None:
    """The bias, where there is one."""
    return parameter(draw(spec.bias_initializer, (filters,))) if spec.use_bias else None


def convolve(
    values: Tensor, weight: Tensor, bias: Tensor | None, spec: WithBias, groups: int
) -> Tensor:
    """``(batch, feature, *space)`` to ``(batch, filters, *windows)``.

    Raises:
        ValueError: an input that holds no window.
    """
    strides = spec.each(spec.strides)
    window_counts(type(spec).__name__, tuple(values.shape[2:]), spec.spans, strides, spec.padding)
    return CONVOLVE[spec.rank](
        window_padded(values, spec.spans, strides, spec.padding),
        weight,
        bias,
        stride=strides,
        dilation=spec.each(spec.dilation_rate),
        groups=groups,
    )


class _Convolution(Layer):
    """``weight (filters, input_size / groups, *kernel_size)``, ``bias (filters,)``."""

    def __init__(self, spec: specs.Conv1D | specs.Conv2D, shape: specs.Shape) -> None:
        """Draws the weights."""
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        features = known_size(type(spec).__name__, shape) // spec.groups
        size = (*spec.each(spec.kernel_size), features, spec.filters)
        self.weight = kernel_parameter(spec.kernel_initializer, size)
        self.bias = bias_parameter(spec, spec.filters)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, *space, feature)`` to ``(batch, *windows, filters)``; the mask is dropped."""
        ((values, _),) = inputs
        first = features_first(values, self.spec)
        convolved = convolve(first, self.weight, self.bias, self.spec, self.spec.groups)
        return Masked(self.activation(features_placed(convolved, self.spec)))

    def variables(self) -> Iterator[Variable]:
        """Kernel and bias."""
        yield from variable(self.spec, "kernel", self.weight)
        yield from variable(self.spec, "bias", self.bias)


@layer_for(specs.Conv1D)
class Conv1D(_Convolution):
    """A convolution along time."""


@layer_for(specs.Conv2D)
class Conv2D(_Convolution):
    """A convolution over images."""


@layer_for(specs.Conv1DTranspose)
class Conv1DTranspose(Layer):
    """``weight (input_size, filters, kernel_size)``, ``bias (filters,)``."""

    def __init__(self, spec: specs.Conv1DTranspose, shape: specs.Shape) -> None:
        """Draws the weights."""
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        size = (spec.kernel_size, spec.filters, known_size(type(spec).__name__, shape))
        self.weight = kernel_parameter(spec.kernel_initializer, size)
        self.bias = bias_parameter(spec, spec.filters)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, longer time, filters)``; drops the mask."""
        ((values, _),) = inputs
        spec = self.spec
        whole = functional.conv_transpose1d(
            values.transpose(1, 2), self.weight, stride=spec.strides
        )
        reached, time = whole.shape[2], spec.output_time(values.shape[1])
        before = max(reached - time, 0) // 2 if spec.padding == "same" else 0
        output = around(whole, [(-before, time - (reached - before))]).transpose(1, 2)
        return Masked(self.activation(output if self.bias is None else output + self.bias))

    def variables(self) -> Iterator[Variable]:
        """Kernel and bias."""
        yield from variable(self.spec, "kernel", self.weight)
        yield from variable(self.spec, "bias", self.bias)
