"""Readers of Keras settings that are no plain numbers: each raises ValueError for what we lack."""

from collections.abc import Callable
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


def pairs(value: Any) -> Any:
    """What stands before and after along two axes: numbers and pairs of them, in any nesting."""
    if not isinstance(value, list | tuple):
        return _integer(value)
    first, second = value
    return one_or_two(first), one_or_two(second)


def axes(value: Any) -> int | tuple[int, ...]:
    """An axis, or several in the order in which Keras sorts them."""
    if isinstance(value, list | tuple) and len(value) > 1:
        return tuple(sorted(_integer(one) for one in value))
    return one_size(value)


def numbers(value: Any) -> Any:
    """A number, or an array of them as nested tuples."""
    if isinstance(value, dict) and value.get("class_name") == "__numpy__":
        value = value["config"]["value"]
    if isinstance(value, list | tuple):
        return tuple(numbers(part) for part in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return value


def optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader that leaves None as it is."""
    return lambda value: None if value is None else read(value)


def optional_number(value: Any) -> float | None:
    """A number or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value
