"""Keras's operations on tensors, by name: `keras.ops` written once more for torch.

An operation maps arguments (tensors, numbers, None, slices, tuples of them) and settings to a
tensor or several. Axes are counted with the batch axis. Where Keras makes floats of integers, they
get the precision of the model.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.operations.elementwise import ELEMENTWISE, FLOATING_ELEMENTWISE
from birnn_lightning.nn.operations.moves import MOVES
from birnn_lightning.nn.operations.products import PRODUCTS
from birnn_lightning.nn.operations.reductions import FLOATING_REDUCTIONS, REDUCTIONS

FUNCTIONS: dict[str, Callable[..., Any]] = {**ELEMENTWISE, **REDUCTIONS, **PRODUCTS, **MOVES}
"""Every operation by the name that `keras.ops` has for it."""

FLOATING = FLOATING_ELEMENTWISE | FLOATING_REDUCTIONS
"""The operations that make floats of integers and flags."""

DTYPES = {"bool": torch.bool, "int32": torch.int32, "int64": torch.int64}
"""The types that a setting may name, beside ``"float"`` for the model's own precision."""


def computed(
    name: str, arguments: Iterable[Any], settings: Mapping[str, Any], like: Tensor
) -> Tensor | tuple[Tensor, ...]:
    """What an operation makes of its arguments.

    Args:
        name: one of `FUNCTIONS`.
        arguments: tensors and whatever else the operation takes by position.
        settings: by the names of Keras's constructor; ``dtype`` is one of `DTYPES`, ``"float"`` or
            None.
        like: of the model's precision.
    """
    given = tuple(arguments)
    settings = dict(settings)
    if settings.get("dtype") is not None:
        settings["dtype"] = DTYPES.get(settings["dtype"], like.dtype)
    numbers = [*leaves(given), settings.get("x_min"), settings.get("x_max")]
    if name in FLOATING or any(isinstance(number, float) for number in numbers):
        given = tuple(_floating(part, like.dtype) for part in given)
    return FUNCTIONS[name](*given, **settings)


def leaves(value: Any) -> Iterator[Any]:
    """What stands in nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def _floating(value: Any, dtype: torch.dtype) -> Any:
    """Tensors of integers and flags in a precision, everything else as it is."""
    if isinstance(value, tuple):
        return tuple(_floating(part, dtype) for part in value)
    if isinstance(value, Tensor) and not value.is_floating_point():
        return value.to(dtype)
    return value
