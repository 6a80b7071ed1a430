"""Convolutions along time, with TensorFlow's padding."""

from collections.abc import Iterator

from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.core import parameter
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.windows import output_time, padding_amounts
from birnn_lightning.nn.variables import Variable, variable


@layer_for(specs.Conv1D)
class Conv1D(Layer):
    """``weight (filters, input_size / groups, kernel_size)``, ``bias (filters,)``."""

    def __init__(self, spec: specs.Conv1D, shape: specs.Shape) -> None:
        """Draws the weights."""
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        features = known_size("Conv1D", shape) // spec.groups
        kernel = draw(spec.kernel_initializer, (spec.kernel_size, features, spec.filters))
        self.weight = parameter(kernel.permute(2, 1, 0))
        bias = draw(spec.bias_initializer, (spec.filters,)) if spec.use_bias else None
        self.bias = None if bias is None else parameter(bias)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, windows, filters)``; the mask is dropped."""
        ((values, _),) = inputs
        spec = self.spec
        output_time("Conv1D", values.shape[1], spec.span, spec.strides, spec.padding)
        amounts = padding_amounts(values.shape[1], spec.span, spec.strides, spec.padding)
        convolved = functional.conv1d(
            functional.pad(values.transpose(1, 2), amounts),
            self.weight,
            self.bias,
            stride=spec.strides,
            dilation=spec.dilation_rate,
            groups=spec.groups,
        )
        return Masked(self.activation(convolved.transpose(1, 2)))

    def variables(self) -> Iterator[Variable]:
        """Kernel and bias."""
        yield from variable(self.spec, "kernel", self.weight)
        yield from variable(self.spec, "bias", self.bias)
