"""The specs of the layers that disturb activations in training and do nothing otherwise."""

from dataclasses import dataclass

from birnn_lightning.nn.specs.base import Shape, check_rank, check_rate
from birnn_lightning.nn.specs.layer import LayerSpec


@dataclass(frozen=True, kw_only=True)
class _Disturbance(LayerSpec):
    """A layer whose output is its input outside of training."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Dropout(_Disturbance):
    """In training, zeroes each element with probability ``rate`` and scales the others up.

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
        check_rate("Dropout", "rate", self.rate)
        for size in self.noise_shape or ():
            if size is not None and size < 1:
                raise ValueError(
                    f"Dropout: noise_shape must hold positive sizes or None; got {size!r}."
                )

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        if self.noise_shape is not None and len(self.noise_shape) != len(shapes[0]) + 1:
            raise ValueError(
                f"Dropout: noise_shape must have {len(shapes[0]) + 1} sizes, the batch's first, "
                f"for an input {shapes[0]}; got {self.noise_shape}."
            )
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class SpatialDropout1D(_Disturbance):
    """Dropout of whole features: a feature is dropped at every step or at none."""

    rate: float

    def __post_init__(self) -> None:
        """Checks the rate."""
        super().__post_init__()
        check_rate("SpatialDropout1D", "rate", self.rate)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        check_rank("SpatialDropout1D", shapes[0], 2, "time, feature")
        return shapes[0]


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
