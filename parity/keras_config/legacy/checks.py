"""What a file says is looked at before it is used: a wrong form is one clear error."""

from collections.abc import Mapping
from typing import Any

from parity.keras_config.activations import shown
from parity.results import ParityUnavailable

LONGEST = 120


def malformed(what: str, value: Any, allowed: str) -> ParityUnavailable:
    """The error for a part of a config that has not the form that Keras writes."""
    quoted = shown(value)
    if len(quoted) > LONGEST:
        quoted = quoted[:LONGEST] + "..."
    return ParityUnavailable(
        f"{what} must be {allowed}; got {quoted}. The file is damaged or was not written by Keras."
    )


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A copy of a dict with names as keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise malformed(what, value, "a dict with names as keys")
    return dict(value)


def listing(value: Any, what: str) -> list[Any]:
    """A copy of a list."""
    if not isinstance(value, list | tuple):
        raise malformed(what, value, "a list")
    return list(value)


def text(value: Any, what: str) -> str:
    """A name."""
    if not isinstance(value, str) or not value:
        raise malformed(what, value, "a name")
    return value


def flag(value: Any, what: str) -> bool:
    """True or False, which some versions wrote as a number."""
    if not isinstance(value, bool | int) or value not in (0, 1):
        raise malformed(what, value, "true or false")
    return bool(value)


def number(value: Any, what: str) -> float:
    """A number, which Keras 2 could write as an array without axes."""
    if isinstance(value, Mapping) and "value" in value:
        value = value["value"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(what, value, "a number")
    return value


def integer(value: Any, what: str) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise malformed(what, value, "a whole number")
    return value


def is_reference(value: Any) -> bool:
    """Whether a value is ``[layer, call, output]``, perhaps with the arguments of a call."""
    return (
        isinstance(value, list | tuple)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(part, int) and not isinstance(part, bool) for part in value[1:3])
    )


def serialized(value: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Class name and settings of a serialized object."""
    value = mapping(value, what)
    return (
        text(value.get("class_name"), f"the class of {what}"),
        mapping(value.get("config"), f"the config of {what}"),
    )
