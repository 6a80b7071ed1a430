"""The specs of the layers that scale by given numbers, or to a norm of 1."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from birnn_lightning.nn.specs.axes import axis_positions, known_sizes
from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.layer import LayerSpec

Numbers: TypeAlias = float | tuple[Any, ...]
"""A number, or numbers in nested tuples."""


def sizes_of(owner: str, name: str, numbers: Numbers) -> tuple[int, ...]:
    """The shape of nested tuples of numbers; raises ValueError where they are uneven."""
    if isinstance(numbers, tuple):
        inner = {sizes_of(owner, name, part) for part in numbers}
        if len(inner) == 1:
            return (len(numbers), *inner.pop())
    elif isinstance(numbers, int | float) and not isinstance(numbers, bool):
        return ()
    raise ValueError(f"{owner}: {name} must be a number or an array of them; got {numbers!r}.")


@dataclass(frozen=True, kw_only=True)
class Rescaling(LayerSpec):
    """``x * scale + offset``, of integers too; both are rounded to float32, as in Keras.

    Attributes:
        scale: a number, or an array in nested tuples that fits the input's last axes.
        offset: likewise.
    """

    scale: Numbers
    offset: Numbers = 0.0

    def __post_init__(self) -> None:
        """Checks the numbers."""
        super().__post_init__()
        for name in ("scale", "offset"):
            sizes_of("Rescaling", name, getattr(self, name))

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        for name in ("scale", "offset"):
            sizes = sizes_of("Rescaling", name, getattr(self, name))
            last = shapes[0][len(shapes[0]) - len(sizes) :]
            fits = len(sizes) <= len(shapes[0])
            if not fits or any(size not in (1, have) for size, have in zip(sizes, last)):  # noqa: B905
                raise ValueError(
                    f"Rescaling: {name} must fit the last axes of {shapes[0]}; got {sizes}."
                )
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Normalization(LayerSpec):
    """``(x - mean) / max(sqrt(variance), 1e-7)`` with numbers that were given or found in data.

    Attributes:
        axis: axes whose every position has its own mean and variance.
        mean: as given, a number or nested tuples for the last of these axes, rounded to float32 as
            in Keras; None for a buffer of the layer.
        variance: likewise.
        invert: whether to do the opposite: ``x * max(sqrt(variance), 1e-7) + mean``.
    """

    axis: tuple[int, ...] = (-1,)
    mean: Numbers | None = None
    variance: Numbers | None = None
    invert: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if (self.mean is None) != (self.variance is None):
            raise ValueError(
                "Normalization: mean and variance must be given both or neither; got "
                f"{self.mean} and {self.variance}."
            )
        if self.mean is None or self.variance is None:
            return
        sizes = [sizes_of("Normalization", n, getattr(self, n)) for n in ("mean", "variance")]
        if sizes[0] != sizes[1] or len(sizes[0]) > len(self.axis):
            raise ValueError(
                "Normalization: mean and variance must have the same sizes, at most one an axis; "
                f"got {sizes[0]} and {sizes[1]} for axis {self.axis}."
            )

    def kept(self, shape: Shape) -> dict[int, int]:
        """Where the axes stand in an input's shape, in rising order, and their sizes."""
        found: dict[int, int] = {}
        for axis in self.axis:
            (position,) = axis_positions("Normalization", axis, shape)
            (found[position],) = known_sizes("Normalization", axis, shape)
        return dict(sorted(found.items()))

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        sizes = tuple(self.kept(shapes[0]).values())
        if self.mean is not None:
            given = sizes_of("Normalization", "mean", self.mean)
            last = sizes[len(sizes) - len(given) :]
            if any(size not in (1, have) for size, have in zip(given, last, strict=True)):
                raise ValueError(
                    f"Normalization: mean and variance must fit {sizes}, the sizes of axis "
                    f"{self.axis}; got {given}."
                )
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class UnitNormalization(LayerSpec):
    """Divides by the Euclidean norm.

    Attributes:
        axis: along which the norm is taken, or several.
    """

    axis: int | tuple[int, ...] = -1

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        axis_positions("UnitNormalization", self.axis, shapes[0])
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class RMSNormalization(LayerSpec):
    """``x / sqrt(mean(x²) + epsilon) * scale`` (Zhang & Sennrich 2019); the mask is dropped.

    Attributes:
        axis: along which the mean is taken: the last one, or several of the last, for whose
            elements there are trained factors ``scale``.
        epsilon: added to the mean.
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-6

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        self.sizes(shapes[0])
        return shapes[0]

    def sizes(self, shape: Shape) -> tuple[int, ...]:
        """The sizes of the axes; raises ValueError for axes that are not the last."""
        sizes = known_sizes("RMSNormalization", self.axis, shape)
        positions = axis_positions("RMSNormalization", self.axis, shape)
        if positions != tuple(range(len(shape) - len(positions), len(shape))):
            raise ValueError(
                f"RMSNormalization: axis must be the last of {shape}, as Keras multiplies by its "
                f"factors; got {self.axis}."
            )
        return sizes
