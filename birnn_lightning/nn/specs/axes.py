"""Axes are counted as Keras counts them: from the batch, which is 0, or from the end."""

from itertools import pairwise

from birnn_lightning.nn.specs.base import Shape


def axis_positions(owner: str, axis: int | tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """Where axes stand in a shape without the batch axis.

    Args:
        owner: the layer, for the error.
        axis: one, or several in rising order, all counted from the same side.
        shape: without the batch axis.

    Raises:
        ValueError: an axis that the shape has not, or an order that Keras would not keep.
    """
    rank = len(shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not all(1 <= one <= rank or -rank <= one < 0 for one in axes):
        raise ValueError(
            f"{owner}: axis must be one of {shape}, counted from 1 or from the end; got {axis}."
        )
    positions = tuple(one - 1 if one > 0 else rank + one for one in axes)
    if any(first >= second for first, second in pairwise(positions)):
        raise ValueError(f"{owner}: axes must stand in rising order; got {axis}.")
    return positions


def known_sizes(owner: str, axis: int | tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """The sizes of axes; raises ValueError where one is open, see also `axis_positions`."""
    sizes: list[int] = []
    for position in axis_positions(owner, axis, shape):
        size = shape[position]
        if size is None:
            raise ValueError(f"{owner}: axis {axis} must have a known size; got {shape}.")
        sizes.append(size)
    return tuple(sizes)
