"""The specs of convolutions along time."""

from dataclasses import dataclass, field

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import Shape, check_positive, check_rank
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.initializers import GLOROT_UNIFORM, Initializer, Zeros
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer
from birnn_lightning.nn.specs.windows import Padding, check_window, output_time


@dataclass(frozen=True, kw_only=True)
class Conv1D(LayerSpec):
    """A convolution (a correlation, as everywhere in deep learning); the mask is dropped.

    Attributes:
        filters: features of the output.
        kernel_size: taps of a window.
        strides: steps from one window to the next.
        padding: ``"valid"``, ``"same"``, or ``"causal"`` where no output sees a later input.
        dilation_rate: steps from one tap of a window to the next.
        groups: parts into which the features are split, each convolved by itself.
        activation: applied to the output.
        use_bias: whether there is a bias.
        kernel_initializer: of the weight.
        bias_initializer: of the bias.
        kernel_regularizer: penalty of the weight.
        bias_regularizer: penalty of the bias.
        kernel_constraint: of the weight after every update.
        bias_constraint: of the bias after every update.
    """

    filters: int
    kernel_size: int
    strides: int = 1
    padding: Padding = "valid"
    dilation_rate: int = 1
    groups: int = 1
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    bias_initializer: Initializer = field(default=Zeros(), compare=False)
    kernel_regularizer: Regularizer | None = field(default=None, compare=False)
    bias_regularizer: Regularizer | None = field(default=None, compare=False)
    kernel_constraint: Constraint | None = field(default=None, compare=False)
    bias_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        for name in ("filters", "dilation_rate", "groups"):
            check_positive("Conv1D", name, getattr(self, name))
        sizes = {"kernel_size": self.kernel_size, "strides": self.strides}
        check_window("Conv1D", self.padding, ("valid", "same", "causal"), **sizes)
        check_activation("Conv1D", "activation", self.activation)
        if self.strides > 1 and self.dilation_rate > 1:
            raise ValueError(
                "Conv1D: strides and dilation_rate cannot both be above 1; got "
                f"{self.strides} and {self.dilation_rate}."
            )
        if self.filters % self.groups:
            raise ValueError(
                f"Conv1D: filters must be a multiple of groups; got {self.filters} and "
                f"{self.groups}."
            )

    @property
    def span(self) -> int:
        """Steps from the first to the last tap of a window, both included."""
        return (self.kernel_size - 1) * self.dilation_rate + 1

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(windows, filters)``."""
        check_rank("Conv1D", shapes[0], 2, "time, feature")
        features = known_size("Conv1D", shapes[0])
        if features % self.groups:
            raise ValueError(
                f"Conv1D: groups must divide the input's features; got {self.groups} and "
                f"{features}."
            )
        time = output_time("Conv1D", shapes[0][0], self.span, self.strides, self.padding)
        return (time, self.filters)
