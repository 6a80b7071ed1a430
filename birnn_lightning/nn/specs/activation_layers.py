"""The specs of the layers that apply an activation."""

from dataclasses import dataclass, field

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.initializers import Initializer, Zeros
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer


@dataclass(frozen=True, kw_only=True)
class _Elementwise(LayerSpec):
    """A layer that keeps the shape."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        return shapes[0]


def _check_not_negative(owner: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value >= 0:
            raise ValueError(f"{owner}: {name} must be at least 0; got {value!r}.")


@dataclass(frozen=True, kw_only=True)
class Activation(_Elementwise):
    """Applies an activation by name."""

    activation: str

    def __post_init__(self) -> None:
        """Checks the name."""
        super().__post_init__()
        check_activation("Activation", "activation", self.activation)


@dataclass(frozen=True, kw_only=True)
class IdentityLayer(_Elementwise):
    """Leaves its input as it is."""


@dataclass(frozen=True, kw_only=True)
class ReLU(_Elementwise):
    """``x`` above the threshold, a slope below it.

    Attributes:
        max_value: the largest output; None for no limit.
        negative_slope: of ``x - threshold`` below the threshold.
        threshold: from where on the output is ``x``.
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        _check_not_negative(
            "ReLU",
            max_value=self.max_value,
            negative_slope=self.negative_slope,
            threshold=self.threshold,
        )


@dataclass(frozen=True, kw_only=True)
class LeakyReLU(_Elementwise):
    """``x``, or ``negative_slope * x`` below 0."""

    negative_slope: float = 0.3

    def __post_init__(self) -> None:
        """Checks the slope."""
        super().__post_init__()
        _check_not_negative("LeakyReLU", negative_slope=self.negative_slope)


@dataclass(frozen=True, kw_only=True)
class PReLU(_Elementwise):
    """``x``, or ``alpha * x`` below 0, with a trained ``alpha`` for each element.

    Attributes:
        shared_axes: axes, counted from the batch, which is 0, along which ``alpha`` is the same.
        alpha_initializer: of ``alpha``.
        alpha_regularizer: penalty of ``alpha``.
        alpha_constraint: of ``alpha`` after every update.
    """

    shared_axes: tuple[int, ...] = ()
    alpha_initializer: Initializer = field(default=Zeros(), compare=False)
    alpha_regularizer: Regularizer | None = field(default=None, compare=False)
    alpha_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if any(axis < 1 for axis in self.shared_axes):
            raise ValueError(f"PReLU: shared_axes must be at least 1; got {self.shared_axes}.")

    def alpha_shape(self, shape: Shape) -> tuple[int, ...]:
        """The shape of ``alpha`` for an input; raises ValueError where it is open."""
        sizes: list[int] = []
        for axis, size in enumerate(shape, start=1):
            if size is None and axis not in self.shared_axes:
                raise ValueError(
                    f"PReLU: axis {axis} of {shape} is open, so shared_axes must hold it; got "
                    f"{self.shared_axes}."
                )
            sizes.append(1 if size is None or axis in self.shared_axes else size)
        return tuple(sizes)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        if any(axis > len(shapes[0]) for axis in self.shared_axes):
            raise ValueError(
                f"PReLU: shared_axes must be axes of {shapes[0]}, counted from 1; got "
                f"{self.shared_axes}."
            )
        self.alpha_shape(shapes[0])
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class ELU(_Elementwise):
    """``x``, or ``alpha * (exp(x) - 1)`` below 0 (Clevert et al. 2015)."""

    alpha: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Softmax(_Elementwise):
    """Positive numbers that sum to 1 along an axis.

    Attributes:
        axis: counted from the batch, which is 0, or from the end.
    """

    axis: int = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        rank = len(shapes[0]) + 1
        if not (1 <= self.axis < rank or -rank < self.axis < 0):
            raise ValueError(
                f"Softmax: axis must be one of {shapes[0]}, counted from 1 or from the end; got "
                f"{self.axis}."
            )
        return shapes[0]
