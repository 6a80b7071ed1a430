"""The specs of the layers that make one tensor of several branches."""

from dataclasses import dataclass

from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.layer import LayerSpec


@dataclass(frozen=True, kw_only=True)
class _Merge(LayerSpec):
    """A layer of at least two inputs."""

    def input_counts(self) -> tuple[int, ...]:
        """Any number."""
        return ()

    def output_shape(self, *shapes: Shape) -> Shape:
        """The merged shape."""
        if len(shapes) < 2:
            raise ValueError(
                f"{type(self).__name__}: needs at least two inputs; got {len(shapes)}."
            )
        return self.merged_shape(*shapes)

    def merged_shape(self, *shapes: Shape) -> Shape:
        """The shape that two or more inputs give."""
        merged = shapes[0]
        for shape in shapes[1:]:
            merged = _broadcast(type(self).__name__, merged, shape)
        return merged


def _broadcast(owner: str, first: Shape, second: Shape) -> Shape:
    """The common shape; the one of fewer axes gets its missing ones after the batch axis."""
    rank = max(len(first), len(second))
    padded = ((1,) * (rank - len(shape)) + shape for shape in (first, second))
    merged: list[int | None] = []
    for one, other in zip(*padded, strict=True):
        if one is None or other is None:
            merged.append(None)
        elif one != other and 1 not in (one, other):
            raise ValueError(f"{owner}: inputs must have shapes that agree; got {first}, {second}.")
        else:
            merged.append(max(one, other))
    return tuple(merged)


@dataclass(frozen=True, kw_only=True)
class Add(_Merge):
    """The sum. A step is valid where it is in any input, if every input has a mask."""


@dataclass(frozen=True, kw_only=True)
class Subtract(_Merge):
    """The first less the second; masks as in `Add`."""

    def input_counts(self) -> tuple[int, ...]:
        """Two."""
        return (2,)


@dataclass(frozen=True, kw_only=True)
class Multiply(_Merge):
    """The product of what is valid; masks as in `Add`."""


@dataclass(frozen=True, kw_only=True)
class Average(_Merge):
    """The mean of all inputs, masked steps included; masks as in `Add`."""


@dataclass(frozen=True, kw_only=True)
class Maximum(_Merge):
    """The largest of what is valid; masks as in `Add`."""


@dataclass(frozen=True, kw_only=True)
class Minimum(_Merge):
    """The smallest of what is valid; masks as in `Add`."""


@dataclass(frozen=True, kw_only=True)
class Concatenate(_Merge):
    """One input after the other along an axis.

    Along time so are the masks. Along features a step is valid where it is in any input, and an
    input without a mask is valid everywhere.

    Attributes:
        axis: counted from the batch, which is 0, or from the end.
    """

    axis: int = -1

    def merged_shape(self, *shapes: Shape) -> Shape:
        """The sizes along the axis add up."""
        rank = len(shapes[0]) + 1
        position = axis_position("Concatenate", self.axis, shapes[0])
        for shape in shapes[1:]:
            others = [
                one == other or one is None or other is None
                for place, (one, other) in enumerate(zip(shapes[0], shape, strict=False))
                if place != position
            ]
            if len(shape) + 1 != rank or not all(others):
                raise ValueError(
                    f"Concatenate: inputs must agree but for axis {self.axis}; got {shapes}."
                )
        sizes = [shape[position] for shape in shapes]
        total = None if None in sizes else sum(size for size in sizes if size is not None)
        return (*shapes[0][:position], total, *shapes[0][position + 1 :])


@dataclass(frozen=True, kw_only=True)
class Dot(LayerSpec):
    """The sum of products along one axis of each of two inputs; the mask is dropped.

    Attributes:
        axes: of the first and of the second input, counted from the batch, which is 0, or from the
            end; one number stands for both.
        normalize: whether both are first brought to length 1 along their axis.
    """

    axes: int | tuple[int, int]
    normalize: bool = False

    def input_counts(self) -> tuple[int, ...]:
        """Two."""
        return (2,)

    def positions(self, first: Shape, second: Shape) -> tuple[int, int]:
        """The axes as places in the shapes without the batch axis."""
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return axis_position("Dot", axes[0], first), axis_position("Dot", axes[1], second)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The axes that are left of the first, then those of the second; ``(1,)`` for none."""
        first, second = shapes
        one, other = self.positions(first, second)
        if first[one] != second[other] and None not in (first[one], second[other]):
            raise ValueError(
                f"Dot: the inputs must have equal sizes along axes {self.axes}; got {shapes}."
            )
        left = (*first[:one], *first[one + 1 :], *second[:other], *second[other + 1 :])
        return left or (1,)


def axis_position(owner: str, axis: int, shape: Shape) -> int:
    """Where an axis that counts the batch as 0 stands in a shape without the batch.

    Raises:
        ValueError: no such axis, or the batch's.
    """
    rank = len(shape) + 1
    if not (1 <= axis < rank or -rank < axis < 0):
        raise ValueError(
            f"{owner}: axis must be one of {shape}, counted from 1 or from the end; got {axis}."
        )
    return axis % rank - 1
