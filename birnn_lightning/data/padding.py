"""Sequences of different lengths become one tensor, with a mask that says which steps are real."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Side = Literal["pre", "post"]


def check_side(name: str, value: str) -> None:
    """Raise ValueError unless ``value`` is "pre" or "post"."""
    if value not in ("pre", "post"):
        raise ValueError(
            f'{name} must be "pre" (at the beginning) or "post" (at the end); got {value!r}. '
            "Choose one of the two."
        )


def truncate(array: np.ndarray, length: int | None, truncation: Side) -> np.ndarray:
    """Drop steps at the beginning ("pre") or at the end ("post") until ``length`` are left."""
    if length is None or len(array) <= length:
        return array
    return array[-length:] if truncation == "pre" else array[:length]


def pad_sequences(
    sequences: Sequence[Sequence[int] | np.ndarray],
    length: int | None = None,
    padding: Side = "pre",
    truncation: Side = "pre",
    value: int = 0,
) -> tuple[Tensor, Tensor]:
    """Bring sequences to one length, as ``keras.utils.pad_sequences`` does.

    Args:
        sequences: token ids ``(time,)``, or features ``(time, features)``; ``time`` may differ and
            may be 0.
        length: the padded time; None takes the longest sequence.
        padding: "pre" puts the padding before the sequence, "post" after it.
        truncation: "pre" drops steps at the beginning of a longer sequence, "post" at its end.
        value: what a padded step holds.

    Returns:
        The padded sequences, ``(batch, length)`` int64 for token ids and
        ``(batch, length, features)`` float32 for features; and the mask ``(batch, length)`` bool,
        True where a step is real.

    Raises:
        ValueError: when there is no sequence, the length is under 1, a side is unknown, or the
            sequences differ in more than time.
    """
    check_side("padding", padding)
    check_side("truncation", truncation)
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence; got none. Pass one or more.")
    if length is not None and length < 1:
        raise ValueError(f"length must be at least 1 or None; got {length}. Pass a larger length.")
    arrays = [np.asarray(sequence) for sequence in sequences]
    step_shape = next((array.shape[1:] for array in arrays if len(array)), ())
    dtype = np.float32 if step_shape else np.int64
    time = max(len(array) for array in arrays) if length is None else length
    for row, array in enumerate(arrays):
        if len(array):
            _check_step(array, step_shape, row)
    kept = [truncate(array, length, truncation) for array in arrays if len(array)]
    lengths = np.minimum([len(array) for array in arrays], time)[:, np.newaxis]
    steps = np.arange(time)
    mask = steps >= time - lengths if padding == "pre" else steps < lengths
    padded = np.full((len(arrays), time, *step_shape), value, dtype=dtype)
    if kept:
        padded[mask] = np.concatenate(kept, dtype=dtype, casting="unsafe")
    return torch.from_numpy(padded), torch.from_numpy(mask)


def _check_step(array: np.ndarray, step_shape: tuple[int, ...], row: int) -> None:
    if array.shape[1:] != step_shape or len(step_shape) > 1:
        raise ValueError(
            "sequences must all be (time,) or all (time, features) with one number of features; "
            f"got shape {array.shape} at index {row}, where a step of the first sequence has shape "
            f"{step_shape}. Bring them to one shape."
        )
    if not step_shape and array.dtype.kind not in "iu":
        raise ValueError(
            f"a sequence of shape (time,) must hold integer token ids; got dtype {array.dtype} at "
            f"index {row}. Give features the shape (time, features)."
        )
