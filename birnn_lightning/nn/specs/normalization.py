"""The specs of the layers that bring activations to a common mean and variance."""

from dataclasses import dataclass, field

from birnn_lightning.nn.specs.axes import axis_positions, known_sizes
from birnn_lightning.nn.specs.base import Shape, check_positive
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.initializers import Initializer, Ones, Zeros
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer


@dataclass(frozen=True, kw_only=True)
class _Normalization(LayerSpec):
    """A layer that normalises, scales and moves each feature.

    Attributes:
        axis: of the features, counted from the end, or from the batch, which is 0.
        epsilon: added to the variance.
        center: whether there is a trained ``beta`` that is added.
        scale: whether there is a trained ``gamma`` that multiplies.
        beta_initializer: of ``beta``.
        gamma_initializer: of ``gamma``.
        beta_regularizer: penalty of ``beta``.
        gamma_regularizer: penalty of ``gamma``.
        beta_constraint: of ``beta`` after every update.
        gamma_constraint: of ``gamma`` after every update.
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = field(default=Zeros(), compare=False)
    gamma_initializer: Initializer = field(default=Ones(), compare=False)
    beta_regularizer: Regularizer | None = field(default=None, compare=False)
    gamma_regularizer: Regularizer | None = field(default=None, compare=False)
    beta_constraint: Constraint | None = field(default=None, compare=False)
    gamma_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if not self.epsilon > 0:
            raise ValueError(
                f"{type(self).__name__}: epsilon must be above 0; got {self.epsilon!r}."
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        known_sizes(type(self).__name__, self.axis, shapes[0])
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class LayerNormalization(_Normalization):
    """Normalises the features of each step by their own mean and variance (Ba et al. 2016).

    Attributes:
        axis: along which an element's mean is taken; several, in rising order, are features
            together.
    """

    axis: int | tuple[int, ...] = -1


@dataclass(frozen=True, kw_only=True)
class GroupNormalization(_Normalization):
    """Normalises groups of features by their mean and variance over all of space (Wu & He 2018).

    Attributes:
        groups: how many; -1 for every feature by itself. Masked steps count, as in Keras.
    """

    axis: int = -1
    groups: int = 32

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.groups != -1:
            check_positive("GroupNormalization", "groups", self.groups)

    def group_count(self, shape: Shape) -> int:
        """How many groups an input has; raises ValueError where they do not come out even."""
        (size,) = known_sizes("GroupNormalization", self.axis, shape)
        if axis_positions("GroupNormalization", self.axis, shape) != (len(shape) - 1,):
            raise ValueError(
                f"GroupNormalization: axis must be the last one, -1 or {len(shape)} for an input "
                f"{shape}; got {self.axis}."
            )
        count = size if self.groups == -1 else self.groups
        if size % count:
            raise ValueError(
                f"GroupNormalization: groups must divide the features; got {count} and {size}."
            )
        return count

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        self.group_count(shapes[0])
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class BatchNormalization(_Normalization):
    """Normalises each feature by its mean and variance over a batch (Ioffe & Szegedy 2015).

    In training those of the batch's valid steps, otherwise their moving averages.

    Attributes:
        momentum: how much of a moving average stays at each training step.
        moving_mean_initializer: of the moving mean.
        moving_variance_initializer: of the moving variance.
    """

    axis: int = -1
    momentum: float = 0.99
    moving_mean_initializer: Initializer = field(default=Zeros(), compare=False)
    moving_variance_initializer: Initializer = field(default=Ones(), compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
