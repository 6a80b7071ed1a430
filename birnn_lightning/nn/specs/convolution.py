"""The specs of convolutions along time and over images."""

from dataclasses import dataclass, field

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import Shape, check_choice, check_positive
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.initializers import GLOROT_UNIFORM, Initializer, Zeros
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer
from birnn_lightning.nn.specs.space import Images, Sequences
from birnn_lightning.nn.specs.windows import Padding, window_counts

PADDINGS: tuple[Padding, ...] = ("valid", "same")


@dataclass(frozen=True, kw_only=True)
class WithBias(Sequences):
    """What every convolution has.

    Attributes:
        kernel_size: taps of a window.
        strides: steps from one window to the next.
        padding: ``"valid"`` takes the windows that lie within the input, ``"same"`` one every
            ``strides`` steps.
        dilation_rate: steps from one tap of a window to the next.
        activation: applied to the output.
        use_bias: whether there is a bias.
        bias_initializer: of the bias.
        bias_regularizer: penalty of the bias.
        bias_constraint: of the bias after every update.
    """

    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: Padding = "valid"
    dilation_rate: int | tuple[int, int] = 1
    activation: str = "linear"
    use_bias: bool = True
    bias_initializer: Initializer = field(default=Zeros(), compare=False)
    bias_regularizer: Regularizer | None = field(default=None, compare=False)
    bias_constraint: Constraint | None = field(default=None, compare=False)

    def check_convolution(self, paddings: tuple[Padding, ...]) -> None:
        """Raises ValueError for settings that make no sense."""
        owner = type(self).__name__
        self.check_sizes(
            kernel_size=self.kernel_size, strides=self.strides, dilation_rate=self.dilation_rate
        )
        check_choice(owner, "padding", self.padding, paddings)
        check_activation(owner, "activation", self.activation)
        if max(self.each(self.strides)) > 1 and max(self.each(self.dilation_rate)) > 1:
            raise ValueError(
                f"{owner}: strides and dilation_rate cannot both be above 1; got "
                f"{self.strides} and {self.dilation_rate}."
            )

    @property
    def spans(self) -> tuple[int, ...]:
        """Steps from the first to the last tap of a window, both included, along each axis."""
        each = zip(self.each(self.kernel_size), self.each(self.dilation_rate), strict=True)
        return tuple((size - 1) * dilation + 1 for size, dilation in each)

    @property
    def span(self) -> int:
        """The same along time."""
        return self.spans[0]

    def convolved(self, shape: Shape, filters: int) -> Shape:
        """The shape of the output; raises ValueError for a misfit."""
        owner, steps = type(self).__name__, self.each(self.strides)
        space = window_counts(owner, self.space(shape), self.spans, steps, self.padding)
        return self.joined(space, filters)


@dataclass(frozen=True, kw_only=True)
class _Convolution(WithBias, LayerSpec):
    """A convolution (a correlation, as everywhere in deep learning); the mask is dropped.

    Attributes:
        filters: features of the output.
        groups: parts into which the features are split, each convolved by itself.
        kernel_initializer: of the weight.
        kernel_regularizer: penalty of the weight.
        kernel_constraint: of the weight after every update.
    """

    filters: int
    groups: int = 1
    kernel_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    kernel_regularizer: Regularizer | None = field(default=None, compare=False)
    kernel_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        owner = type(self).__name__
        for name in ("filters", "groups"):
            check_positive(owner, name, getattr(self, name))
        self.check_convolution((*PADDINGS, "causal") if self.rank == 1 else PADDINGS)
        if self.filters % self.groups:
            raise ValueError(
                f"{owner}: filters must be a multiple of groups; got {self.filters} and "
                f"{self.groups}."
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(*space, feature)`` to ``(*windows, filters)``."""
        self.space(shapes[0])
        features = known_size(type(self).__name__, shapes[0])
        if features % self.groups:
            raise ValueError(
                f"{type(self).__name__}: groups must divide the input's features; got "
                f"{self.groups} and {features}."
            )
        return self.convolved(shapes[0], self.filters)


@dataclass(frozen=True, kw_only=True)
class Conv1D(_Convolution):
    """A convolution along time; `padding` may be ``"causal"``: no output sees a later input."""

    kernel_size: int
    strides: int = 1
    dilation_rate: int = 1


@dataclass(frozen=True, kw_only=True)
class Conv2D(Images, _Convolution):
    """A convolution over images: sizes are numbers or pairs ``(height, width)``.

    Images are ``"channels_last"``: no other convolution runs in Keras on TensorFlow without a GPU.
    """

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_choice("Conv2D", "data_format", self.data_format, ("channels_last",))


@dataclass(frozen=True, kw_only=True)
class Conv1DTranspose(WithBias, LayerSpec):
    """The transpose of a convolution along time: one step becomes ``strides``; drops the mask.

    Its ``dilation_rate`` is 1: no other one runs in Keras on TensorFlow without a GPU.

    Attributes:
        filters: features of the output.
        output_padding: steps at the end of the output, beyond the shortest that the convolution
            could have come from; None for ``time * strides`` steps of padding ``"same"``, and for
            all that a step reaches of ``"valid"``.
        kernel_initializer: of the weight.
        kernel_regularizer: penalty of the weight.
        kernel_constraint: of the weight after every update.
    """

    filters: int
    kernel_size: int
    strides: int = 1
    dilation_rate: int = 1
    output_padding: int | None = None
    kernel_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    kernel_regularizer: Regularizer | None = field(default=None, compare=False)
    kernel_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_positive("Conv1DTranspose", "filters", self.filters)
        check_choice("Conv1DTranspose", "dilation_rate", self.dilation_rate, (1,))
        self.check_convolution(PADDINGS)
        padding = self.output_padding
        if padding is not None and (isinstance(padding, bool) or not 0 <= padding < self.strides):
            raise ValueError(
                "Conv1DTranspose: output_padding must be at least 0 and less than strides, which "
                f"are {self.strides}; got {padding!r}."
            )

    def output_time(self, time: int) -> int:
        """Steps of the output, as TensorFlow counts them."""
        if self.padding == "same" and self.output_padding is None:
            return time * self.strides
        if self.padding == "same":
            return (time - 1) * self.strides + self.span % 2 + (self.output_padding or 0)
        beyond = self.output_padding
        beyond = max(self.strides - self.span, 0) if beyond is None else beyond
        return (time - 1) * self.strides + self.span + beyond

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(longer time, filters)``."""
        (time,) = self.space(shapes[0])
        known_size(type(self).__name__, shapes[0])
        return (None if time is None else self.output_time(time), self.filters)
