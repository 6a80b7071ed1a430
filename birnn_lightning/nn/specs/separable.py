"""The specs of convolutions along time in which every feature is convolved by itself."""

from dataclasses import dataclass, field

from birnn_lightning.nn.specs.base import Shape, check_positive
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.convolution import PADDINGS, WithBias
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.initializers import GLOROT_UNIFORM, Initializer
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer


@dataclass(frozen=True, kw_only=True)
class _Depthwise(WithBias, LayerSpec):
    """A convolution of every feature by itself; the mask is dropped.

    Attributes:
        depth_multiplier: features that are made of each one.
        depthwise_initializer: of the weight of these convolutions.
        depthwise_regularizer: its penalty.
        depthwise_constraint: of it after every update.
    """

    kernel_size: int
    strides: int = 1
    dilation_rate: int = 1
    depth_multiplier: int = 1
    depthwise_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    depthwise_regularizer: Regularizer | None = field(default=None, compare=False)
    depthwise_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_positive(type(self).__name__, "depth_multiplier", self.depth_multiplier)
        self.check_convolution(PADDINGS)


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv1D(_Depthwise):
    """Convolves every feature by itself; those made of the first feature come first."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(windows, feature * depth_multiplier)``."""
        self.space(shapes[0])
        features = known_size(type(self).__name__, shapes[0])
        return self.convolved(shapes[0], features * self.depth_multiplier)


@dataclass(frozen=True, kw_only=True)
class SeparableConv1D(_Depthwise):
    """Convolves every feature by itself, then maps the features of each step.

    Attributes:
        filters: features of the output.
        pointwise_initializer: of the weight of the map.
        pointwise_regularizer: its penalty.
        pointwise_constraint: of it after every update.
    """

    filters: int
    pointwise_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    pointwise_regularizer: Regularizer | None = field(default=None, compare=False)
    pointwise_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_positive("SeparableConv1D", "filters", self.filters)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(windows, filters)``."""
        self.space(shapes[0])
        known_size(type(self).__name__, shapes[0])
        return self.convolved(shapes[0], self.filters)
