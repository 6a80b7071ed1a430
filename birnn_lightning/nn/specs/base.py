"""A spec is a frozen dataclass of primitives, and becomes a config of primitives and back.

Shapes are without the batch axis: ``(time, feature)``, with None for a time axis of any length.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

Shape = tuple[int | None, ...]


def check_positive(owner: str, field: str, value: int) -> None:
    """Raises ValueError unless ``value`` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{owner}: {field} must be an integer of at least 1; got {value!r}.")


def check_choice(owner: str, field: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raises ValueError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{owner}: {field} must be one of {allowed}; got {value!r}.")


def check_rate(owner: str, field: str, value: float) -> None:
    """Raises ValueError unless ``0 <= value < 1``."""
    if not 0 <= value < 1:
        raise ValueError(f"{owner}: {field} must be at least 0 and less than 1; got {value!r}.")


def check_rank(owner: str, shape: Shape, rank: int, axes: str) -> None:
    """Raises ValueError unless ``shape`` has ``rank`` axes."""
    if len(shape) != rank:
        raise ValueError(f"{owner}: its input must have the axes (batch, {axes}); got {shape}.")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Data that describes something to build; subclasses add fields of primitives and specs."""

    kinds: ClassVar[dict[str, type["Spec"]]] = {}

    def __init_subclass__(cls) -> None:
        """Registers the kind, so that a config finds its class by name, which no other may have."""
        if not cls.__name__.startswith("_"):
            if cls.__name__ in Spec.kinds:
                raise TypeError(f"there are two kinds of specs with the name {cls.__name__}.")
            Spec.kinds[cls.__name__] = cls

    def to_config(self) -> dict[str, Any]:
        """The spec as nested dicts of primitives; inverse of `spec_from_config`."""
        values = {field.name: _to_primitive(getattr(self, field.name)) for field in fields(self)}
        return {"kind": type(self).__name__, **values}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Spec":
        """The spec with these fields, as `to_config` wrote them."""
        return cls(**{name: _from_primitive(value) for name, value in values.items()})


def _to_primitive(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_config()
    return [_to_primitive(part) for part in value] if isinstance(value, tuple) else value


def spec_from_config(config: dict[str, Any]) -> Any:
    """The spec that `Spec.to_config` described; raises ValueError for an unknown kind."""
    config = dict(config)
    kind = config.pop("kind", None)
    if kind not in Spec.kinds:
        known = ", ".join(sorted(Spec.kinds))
        raise ValueError(f"kind must be one of {known}; got {kind!r}.")
    return Spec.kinds[kind].from_values(config)


def _from_primitive(value: Any) -> Any:
    if isinstance(value, dict):
        return spec_from_config(value)
    return tuple(_from_primitive(part) for part in value) if isinstance(value, list) else value
