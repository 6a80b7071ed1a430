"""The specs of the layers that bring activations to a common mean and variance."""

from dataclasses import dataclass, field

from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.initializers import Initializer, Ones, Zeros
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer


@dataclass(frozen=True, kw_only=True)
class _Normalization(LayerSpec):
    """A layer that normalises, scales and moves each feature.

    Attributes:
        axis: the last one, as -1 or counted from the batch, which is 0.
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

    axis: int = -1
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
        owner = type(self).__name__
        known_size(owner, shapes[0])
        if self.axis not in (-1, len(shapes[0])):
            raise ValueError(
                f"{owner}: axis must be the last one, -1 or {len(shapes[0])} for an input "
                f"{shapes[0]}; got {self.axis}."
            )
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class LayerNormalization(_Normalization):
    """Normalises the features of each step by their own mean and variance (Ba et al. 2016)."""


@dataclass(frozen=True, kw_only=True)
class BatchNormalization(_Normalization):
    """Normalises each feature by its mean and variance over a batch (Ioffe & Szegedy 2015).

    In training those of the batch's valid steps, otherwise their moving averages.

    Attributes:
        momentum: how much of a moving average stays at each training step.
        moving_mean_initializer: of the moving mean.
        moving_variance_initializer: of the moving variance.
    """

    momentum: float = 0.99
    moving_mean_initializer: Initializer = field(default=Zeros(), compare=False)
    moving_variance_initializer: Initializer = field(default=Ones(), compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
