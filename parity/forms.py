"""A form is how torch arrays make one Keras array, and back, with ``join(*split(k)) == k``.

Values are NumPy arrays; equality is bit for bit. Gate order is no part of a form.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way in which torch arrays make a Keras array.

    Attributes:
        name: how the table calls it.
        join: torch arrays to the Keras array.
        split: the Keras array to the torch arrays, the inverse of ``join``.
        shape: the torch arrays' shapes to the Keras array's.
    """

    name: str
    join: Callable[..., Array]
    split: Callable[[Array], tuple[Array, ...]]
    shape: Callable[..., tuple[int, ...]] = lambda first, *_: first


def _sum(first: Array, second: Array) -> Array:
    # Where the second is zero the first is kept as it is: -0.0 + 0.0 would lose its sign.
    return np.where(second == 0, first, first + second)


SAME = Form(
    name="same",
    join=lambda array: array,
    split=lambda array: (array,),
)
TRANSPOSED = Form(
    name="transposed",
    join=lambda array: array.T,
    split=lambda array: (array.T,),
    shape=lambda shape: shape[::-1],
)
KERNEL = Form(
    name="kernel",
    join=lambda array: array.transpose(*range(2, array.ndim), 1, 0),
    split=lambda array: (array.transpose(-1, -2, *range(array.ndim - 2)),),
    shape=lambda shape: (*shape[2:], shape[1], shape[0]),
)
"""A convolution's: torch's ``(output, input, *taps)`` is Keras's ``(*taps, input, output)``."""
SUMMED = Form(
    name="summed",
    join=_sum,
    split=lambda array: (array, np.zeros_like(array)),
)
STACKED = Form(
    name="stacked",
    join=lambda first, second: np.stack([first, second]),
    split=lambda array: (array[0], array[1]),
    shape=lambda first, _: (2, *first),
)
