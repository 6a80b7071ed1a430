"""The layers that scale by given numbers, or to a norm of 1."""

from collections.abc import Iterator

import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.core import parameter
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.specs.axes import axis_positions
from birnn_lightning.nn.specs.scaling import Numbers
from birnn_lightning.nn.variables import Variable, variable

KERAS_EPSILON = 1e-7
"""The least deviation that Keras divides by."""
LARGEST_INVERSE_NORM = 1e12


class _OfNumbers(Layer):
    """Takes integers too, which become numbers of the model's precision."""

    precision: Tensor

    def __init__(self) -> None:
        """Follows the model's precision and device through a buffer without elements."""
        super().__init__()
        self.register_buffer("precision", torch.empty(0), persistent=False)

    def numbers(self, values: Tensor) -> Tensor:
        """The input as numbers with a fraction."""
        return values if values.is_floating_point() else values.to(self.precision.dtype)


def _given(numbers: Numbers, values: Tensor) -> Tensor:
    """Numbers of the spec as Keras rounds them, in the type of the values."""
    return torch.tensor(numbers, dtype=torch.float32).to(values)


@layer_for(specs.Rescaling)
class Rescaling(_OfNumbers):
    """``x * scale + offset``."""

    def __init__(self, spec: specs.Rescaling, shape: specs.Shape) -> None:
        """Takes the numbers."""
        super().__init__()
        self.spec = spec

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged; the mask passes."""
        ((given, mask),) = inputs
        values = self.numbers(given)
        scale, offset = _given(self.spec.scale, values), _given(self.spec.offset, values)
        return Masked(values * scale + offset, mask)


@layer_for(specs.Normalization)
class Normalization(_OfNumbers):
    """``(x - mean) / max(sqrt(variance), 1e-7)``, or the opposite.

    Attributes:
        mean: buffer of the sizes of the spec's axes, in rising order; None where it was given.
        variance: likewise.
    """

    mean: Tensor | None
    variance: Tensor | None

    def __init__(self, spec: specs.Normalization, shape: specs.Shape) -> None:
        """Mean 0 and variance 1, if they are not given."""
        super().__init__()
        self.spec = spec
        self.kept = spec.kept(shape)
        sizes = tuple(self.kept.values())
        adapted = spec.mean is None
        self.register_buffer("mean", torch.zeros(sizes) if adapted else None)
        self.register_buffer("variance", torch.ones(sizes) if adapted else None)

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged; the mask passes."""
        ((given, mask),) = inputs
        values = self.numbers(given)
        mean = self._spread(self.mean, self.spec.mean, values)
        variance = self._spread(self.variance, self.spec.variance, values)
        deviation = variance.sqrt().clamp(min=KERAS_EPSILON)
        scaled = mean + values * deviation if self.spec.invert else (values - mean) / deviation
        return Masked(scaled, mask)

    def _spread(self, buffer: Tensor | None, numbers: Numbers | None, values: Tensor) -> Tensor:
        """A statistic with an axis of size 1 for every other axis of the values."""
        if buffer is None:
            assert numbers is not None
            statistic = _given(numbers, values)
        else:
            statistic = buffer.to(values)
        sizes = [1] * values.dim()
        places = list(self.kept)[len(self.kept) - statistic.dim() :]
        for position, size in zip(places, statistic.shape, strict=True):
            sizes[position + 1] = size
        return statistic.reshape(sizes)


@layer_for(specs.UnitNormalization)
class UnitNormalization(Layer):
    """Divides by the Euclidean norm along its axes; zeros stay zeros."""

    def __init__(self, spec: specs.UnitNormalization, shape: specs.Shape) -> None:
        """Finds the axes."""
        super().__init__()
        positions = axis_positions("UnitNormalization", spec.axis, shape)
        self.positions = tuple(one + 1 for one in positions)

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged; the mask passes."""
        ((values, mask),) = inputs
        squares = values.square().sum(self.positions, keepdim=True)
        return Masked(values * squares.rsqrt().clamp(max=LARGEST_INVERSE_NORM), mask)


@layer_for(specs.RMSNormalization)
class RMSNormalization(Layer):
    """``x / sqrt(mean(x²) + epsilon) * scale``; parameter ``scale`` of the sizes of the axes."""

    def __init__(self, spec: specs.RMSNormalization, shape: specs.Shape) -> None:
        """Starts with factors of 1."""
        super().__init__()
        self.spec = spec
        self.scale = parameter(torch.ones(spec.sizes(shape)))

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged; the mask is dropped."""
        ((values, _),) = inputs
        mean = values.square().mean(tuple(range(-self.scale.dim(), 0)), keepdim=True)
        return Masked(values * torch.rsqrt(mean + self.spec.epsilon) * self.scale)

    def variables(self) -> Iterator[Variable]:
        """The factors."""
        yield from variable(self.spec, "scale", self.scale)
