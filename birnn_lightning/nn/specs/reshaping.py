"""The specs of the layers that only move numbers to other places."""

from dataclasses import dataclass
from math import prod

from birnn_lightning.nn.specs.base import Shape, check_positive, check_rank
from birnn_lightning.nn.specs.layer import LayerSpec


@dataclass(frozen=True, kw_only=True)
class RepeatVector(LayerSpec):
    """Repeats a vector ``n`` times along a new time axis."""

    n: int

    def __post_init__(self) -> None:
        """Checks the count."""
        super().__post_init__()
        check_positive("RepeatVector", "n", self.n)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(feature,)`` to ``(n, feature)``."""
        check_rank("RepeatVector", shapes[0], 1, "feature")
        return (self.n, *shapes[0])


@dataclass(frozen=True, kw_only=True)
class Flatten(LayerSpec):
    """All axes but the batch become one; the mask is dropped."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(a, b, ...)`` to ``(a * b * ...,)``."""
        size = 1
        for axis in shapes[0]:
            if axis is None:
                raise ValueError(f"Flatten: every axis must have a known size; got {shapes[0]}.")
            size *= axis
        return (size,)


@dataclass(frozen=True, kw_only=True)
class Reshape(LayerSpec):
    """The same numbers in another shape, the last axis running fastest; the mask is dropped.

    Attributes:
        target_shape: without the batch axis; at most one size may be -1, for what is left.
    """

    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Checks the sizes."""
        super().__post_init__()
        sizes = self.target_shape
        if any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
            raise ValueError(
                "Reshape: target_shape must hold positive sizes and at most one -1; got "
                f"{self.target_shape}."
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        """The target, with -1 made explicit where every size is known."""
        known = [size for size in shapes[0] if size is not None]
        fixed = prod(size for size in self.target_shape if size != -1)
        if len(known) < len(shapes[0]):
            return tuple(None if size == -1 else size for size in self.target_shape)
        total = prod(known)
        fits = total % fixed == 0 if -1 in self.target_shape else total == fixed
        if not fits:
            raise ValueError(
                f"Reshape: {shapes[0]} holds {total} numbers, which do not fill target_shape "
                f"{self.target_shape}."
            )
        return tuple(total // fixed if size == -1 else size for size in self.target_shape)


@dataclass(frozen=True, kw_only=True)
class Permute(LayerSpec):
    """Axes in another order; the mask is dropped.

    Attributes:
        dims: for each axis of the output the axis of the input, counted from 1, the batch being 0.
    """

    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        """Checks that it is a permutation."""
        super().__post_init__()
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must hold each number from 1 to {len(self.dims)} once; got "
                f"{self.dims}."
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        """The sizes in the new order."""
        if len(shapes[0]) != len(self.dims):
            raise ValueError(f"Permute: dims {self.dims} do not fit an input {shapes[0]}.")
        return tuple(shapes[0][axis - 1] for axis in self.dims)
