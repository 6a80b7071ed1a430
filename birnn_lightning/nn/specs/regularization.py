"""The specs of the layers that disturb activations in training and do nothing otherwise."""

from dataclasses import dataclass

from birnn_lightning.nn.specs.base import Shape, check_rate
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import L1L2
from birnn_lightning.nn.specs.space import Images, Sequences


@dataclass(frozen=True, kw_only=True)
class _Disturbance(LayerSpec):
    """A layer whose output is its input outside of training."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class _Dropout(_Disturbance):
    """A layer that drops elements, each by itself or several by one draw.

    Attributes:
        rate: from 0 to below 1.
        noise_shape: the shape of the draws, the batch axis included: None for an axis where every
            element has its own, 1 where all share one. None for a draw for each element.
    """

    rate: float
    noise_shape: tuple[int | None, ...] | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        owner = type(self).__name__
        check_rate(owner, "rate", self.rate)
        for size in self.noise_shape or ():
            if size is not None and size < 1:
                raise ValueError(
                    f"{owner}: noise_shape must hold positive sizes or None; got {size!r}."
                )

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        if self.noise_shape is not None and len(self.noise_shape) != len(shapes[0]) + 1:
            raise ValueError(
                f"{type(self).__name__}: noise_shape must have {len(shapes[0]) + 1} sizes, the "
                f"batch's first, for an input {shapes[0]}; got {self.noise_shape}."
            )
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Dropout(_Dropout):
    """In training, zeroes each element with probability ``rate`` and scales the others up."""


@dataclass(frozen=True, kw_only=True)
class AlphaDropout(_Dropout):
    """In training, drops elements to where a SELU is flat, so that mean and variance stay.

    Klambauer et al. 2017, "Self-Normalizing Neural Networks".
    """


@dataclass(frozen=True, kw_only=True)
class _SpatialDropout(Sequences, _Disturbance):
    """Dropout of whole features: a feature is dropped everywhere or nowhere."""

    rate: float

    def __post_init__(self) -> None:
        """Checks the rate."""
        super().__post_init__()
        check_rate(type(self).__name__, "rate", self.rate)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        self.space(shapes[0])
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole features: a feature is dropped at every step or at none."""


@dataclass(frozen=True, kw_only=True)
class SpatialDropout2D(Images, _SpatialDropout):
    """Dropout of whole channels of an image."""


@dataclass(frozen=True, kw_only=True)
class GaussianDropout(_Disturbance):
    """In training, multiplies by N(1, rate / (1 - rate))."""

    rate: float

    def __post_init__(self) -> None:
        """Checks the rate."""
        super().__post_init__()
        check_rate("GaussianDropout", "rate", self.rate)


@dataclass(frozen=True, kw_only=True)
class GaussianNoise(_Disturbance):
    """In training, adds N(0, stddev²)."""

    stddev: float

    def __post_init__(self) -> None:
        """Checks the deviation."""
        super().__post_init__()
        if not 0 <= self.stddev <= 1:
            raise ValueError(f"GaussianNoise: stddev must be between 0 and 1; got {self.stddev!r}.")


@dataclass(frozen=True, kw_only=True)
class ActivityRegularization(_Disturbance):
    """Leaves its input as it is, and adds a penalty of it to the loss.

    Attributes:
        l1: factor of the sum of magnitudes.
        l2: factor of the sum of squares.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        """Makes the regulariser of the two factors."""
        super().__post_init__()
        penalty = L1L2(l1=self.l1, l2=self.l2)
        if self.activity_regularizer not in (None, penalty):
            raise ValueError(
                "ActivityRegularization: activity_regularizer follows from l1 and l2; got "
                f"{self.activity_regularizer}."
            )
        object.__setattr__(self, "activity_regularizer", penalty)
