"""Settings that every Keras optimiser has hold values that Keras accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


@dataclass(frozen=True, kw_only=True)
class SharedSettings:
    """What surrounds the update of a Keras optimiser.

    Attributes:
        clipnorm: largest norm of the gradient of a variable.
        clipvalue: largest magnitude of an element of a gradient.
        global_clipnorm: largest norm of all gradients together.
        use_ema: whether moving averages of the weights are kept.
        ema_momentum: share of the old average that stays at each step.
        ema_overwrite_frequency: updates after which the weights become their averages; None leaves
            that to ``finalize_variable_values``.
        gradient_accumulation_steps: steps whose gradients are averaged for one update.
    """

    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    gradient_accumulation_steps: int | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        clips = {name: getattr(self, name) for name in CLIPPING if getattr(self, name) is not None}
        for name, value in clips.items():
            if not value > 0:
                raise ValueError(
                    f"{name} must be positive; got {value}. Use None for gradients as they are."
                )
        if len(clips) > 1:
            raise ValueError(
                f"only one of {', '.join(CLIPPING)} can be set; got {clips}. Set the others to "
                "None."
            )
        if not 0 <= self.ema_momentum <= 1:
            raise ValueError(f"ema_momentum must be in [0, 1]; got {self.ema_momentum}.")
        self._check_count("ema_overwrite_frequency", 1)
        self._check_count("gradient_accumulation_steps", 2)
        if self.ema_overwrite_frequency is not None and not self.use_ema:
            raise ValueError(
                f"ema_overwrite_frequency={self.ema_overwrite_frequency} needs moving averages. "
                "Set use_ema=True."
            )

    def _check_count(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if value is not None and (type(value) is not int or value < least):
            raise ValueError(f"{name} must be None or an integer from {least} up; got {value!r}.")


def check_range(
    group: Mapping[str, Any], name: str, *, open_below: bool = False, open_above: bool = False
) -> None:
    """Raises ValueError where a setting is not between 0 and 1.

    Args:
        group: of parameters.
        name: of the setting.
        open_below: whether 0 is not allowed.
        open_above: whether 1 is not allowed.
    """
    value = group[name]
    above = value > 0 if open_below else value >= 0
    below = value < 1 if open_above else value <= 1
    if not (above and below):
        allowed = f"{'(' if open_below else '['}0, 1{')' if open_above else ']'}"
        raise ValueError(f"{name} must be in {allowed}; got {value}.")


def check_not_negative(group: Mapping[str, Any], *names: str) -> None:
    """Raises ValueError where a setting is negative or not a number."""
    for name in names:
        if not group[name] >= 0:
            raise ValueError(f"{name} must not be negative; got {group[name]}.")
