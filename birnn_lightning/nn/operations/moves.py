"""Operations that only move, repeat or leave out numbers."""

from collections.abc import Callable
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor

Part = int | slice | EllipsisType | None


def get_item(x: Tensor, key: Part | tuple[Part, ...]) -> Tensor:
    """``x[key]`` with NumPy's meaning, steps below 0 included, which torch has not."""
    parts = key if isinstance(key, tuple) else (key,)
    axis = 0
    for place, part in enumerate(parts):
        if part is None:
            x = x.unsqueeze(axis)
        elif isinstance(part, EllipsisType):
            axis = x.dim() - sum(later is not None for later in parts[place + 1 :])
            continue
        elif isinstance(part, slice):
            x = _sliced(x, axis, part)
        else:
            x = x.select(axis, part)
            continue
        axis += 1
    return x


def _sliced(x: Tensor, axis: int, part: slice) -> Tensor:
    start, stop, step = part.indices(x.shape[axis])
    if step > 0:
        return x.movedim(axis, 0)[start:stop:step].movedim(0, axis)
    places = torch.tensor(range(start, stop, step), dtype=torch.int64, device=x.device)
    return x.index_select(axis, places)


def _expand_dims(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    axes = (axis,) if isinstance(axis, int) else axis
    rank = x.dim() + len(axes)
    for one in sorted(one % rank for one in axes):
        x = x.unsqueeze(one)
    return x


def _squeeze(x: Tensor, axis: int | tuple[int, ...] | None) -> Tensor:
    """Without axes of size 1; raises for another size, where torch would leave the axis.

    Without ``axis`` a batch of one example would lose its batch axis, so that raises too.
    """
    if axis is None:
        raise ValueError("axis must name the axes of size 1; got None")
    for one in (axis,) if isinstance(axis, int) else axis:
        if x.shape[one] != 1:
            raise ValueError(f"axis {one} has the size {x.shape[one]}, not 1")
    return x.squeeze(axis)


def _swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    return x if axis1 % x.dim() == axis2 % x.dim() else x.swapaxes(axis1, axis2)


def _split(x: Tensor, indices_or_sections: int | tuple[int, ...], axis: int) -> tuple[Tensor, ...]:
    if isinstance(indices_or_sections, tuple):
        return tuple(torch.tensor_split(x, indices_or_sections, axis))
    size = x.shape[axis]
    if size % indices_or_sections:
        raise ValueError(f"axis {axis} of size {size} has no {indices_or_sections} equal parts")
    return torch.split(x, size // indices_or_sections, axis)


def _take(x: Tensor, indices: Any, axis: int) -> Tensor:
    places = torch.as_tensor(indices, dtype=torch.int64, device=x.device)
    places = torch.where(places < 0, places + x.shape[axis], places)
    taken = x.index_select(axis, places.flatten())
    at = axis % x.dim()
    return taken.reshape(*x.shape[:at], *places.shape, *x.shape[at + 1 :])


def _one_hot(x: Tensor, num_classes: int, axis: int, dtype: torch.dtype) -> Tensor:
    classes = torch.arange(num_classes, device=x.device)
    return (x[..., None] == classes).to(dtype).movedim(-1, axis)


MOVES: dict[str, Callable[..., Any]] = {
    "get_item": get_item,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "reshape": lambda x, newshape: x.reshape(newshape),
    "transpose": lambda x, axes: x.permute(axes or tuple(reversed(range(x.dim())))),
    "swapaxes": _swapaxes,
    "moveaxis": lambda x, source, destination: x.movedim(source, destination),
    "flip": lambda x, axis: x.flip(axis),
    "roll": lambda x, shift, axis: x.roll(shift, axis),
    "concatenate": lambda xs, axis: torch.cat(xs, axis),
    "stack": lambda xs, axis: torch.stack(xs, axis),
    "split": _split,
    "unstack": lambda x, axis: torch.unbind(x, axis),
    "repeat": lambda x, repeats, axis: x.repeat_interleave(repeats, axis),
    "tile": lambda x, repeats: x.tile(repeats),
    "take": _take,
    "one_hot": _one_hot,
}
