"""Readers of Keras settings that are no plain numbers: each raises ValueError for what we lack."""

from typing import Any


def one_size(value: Any) -> int:
    """A size along the one time axis, which Keras writes as a list."""
    if isinstance(value, list | tuple) and len(value) == 1:
        (value,) = value
    return _integer(value)


def integers(value: Any) -> tuple[int, ...]:
    """A list of numbers; None for none."""
    if value is not None and not isinstance(value, list | tuple):
        return (_integer(value),)
    return tuple(_integer(part) for part in value or ())


def noise_shape(value: Any) -> tuple[int | None, ...] | None:
    """A list of sizes, None where the input's size stands, or None."""
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise ValueError
    return tuple(None if part is None else _integer(part) for part in value)


def one_or_two(value: Any) -> int | tuple[int, int]:
    """One number, or a pair."""
    if not isinstance(value, list | tuple):
        return _integer(value)
    first, second = value
    return _integer(first), _integer(second)


def optional_number(value: Any) -> float | None:
    """A number or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value
