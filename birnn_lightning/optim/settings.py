"""Settings given by name are those that a constructor takes."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any


def check_choice(name: str, value: str, allowed: Collection[str]) -> None:
    """Raises ValueError where a field's value is not one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")


def check_names(
    what: str, settings: Mapping[str, Any], constructor: Callable[..., Any], own: Collection[str]
) -> None:
    """Raises ValueError where settings are unknown to a constructor, or are missing.

    Args:
        what: names the settings in the error.
        settings: what shall be passed by name.
        constructor: takes them.
        own: the constructor's arguments that are not settings.
    """
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(constructor).parameters.items()
        if name not in own and parameter.kind is not parameter.VAR_KEYWORD
    }
    unknown = [name for name in settings if name not in parameters]
    if unknown:
        raise ValueError(f"{what} must be among {', '.join(parameters)}; got {', '.join(unknown)}.")
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in settings
    ]
    if missing:
        raise ValueError(f"{what} must say {', '.join(missing)}; got {dict(settings)}.")
