"""A layer spec is a frozen dataclass of primitives, and becomes a config of primitives and back.

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
class LayerSpec:
    """What one layer is; subclasses add fields."""

    kinds: ClassVar[dict[str, type["LayerSpec"]]] = {}
    num_inputs: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        """Registers the kind, so that a config finds its class by name."""
        if not cls.__name__.startswith("_"):
            LayerSpec.kinds[cls.__name__] = cls

    def output_shape(self, *shapes: Shape) -> Shape:
        """The output's shape for these input shapes; raises ValueError where they do not fit."""
        raise NotImplementedError

    def to_config(self) -> dict[str, Any]:
        """The spec as nested dicts of primitives; inverse of `layer_from_config`."""
        config: dict[str, Any] = {"kind": type(self).__name__}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, LayerSpec):
                value = value.to_config()
            config[field.name] = list(value) if isinstance(value, tuple) else value
        return config


def layer_from_config(config: dict[str, Any]) -> LayerSpec:
    """The spec that `LayerSpec.to_config` described; raises ValueError for an unknown kind."""
    config = dict(config)
    kind = config.pop("kind", None)
    if kind not in LayerSpec.kinds:
        known = ", ".join(sorted(LayerSpec.kinds))
        raise ValueError(f"layer kind must be one of {known}; got {kind!r}.")
    for name, value in config.items():
        if isinstance(value, dict):
            config[name] = layer_from_config(value)
        elif isinstance(value, list):
            config[name] = tuple(value)
    return LayerSpec.kinds[kind](**config)
