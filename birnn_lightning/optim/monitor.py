"""Whether a monitored value is an improvement is decided as Keras's callbacks decide it."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Mode = Literal["auto", "min", "max"]
RISING = ("accuracy", "f1", "auroc")
FALLING = ("loss", "mse", "mae")


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """A monitored value, and which way it shall go.

    Attributes:
        name: the value's name, such as ``val_loss``.
        mode: ``min``, ``max``, or ``auto``: by the name.
        min_delta: a change of no more than this is none; absolute, its sign does not matter.
    """

    name: str
    mode: Mode = "auto"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.mode not in get_args(Mode):
            allowed = ", ".join(get_args(Mode))
            raise ValueError(f"mode must be one of {allowed}; got {self.mode!r}.")
        metric = self.name.removeprefix("val_").removeprefix("train_")
        if self.mode == "auto" and metric not in RISING + FALLING:
            raise ValueError(
                f"mode 'auto' knows the directions of {', '.join(RISING + FALLING)}; got monitor "
                f"{self.name!r}. Say mode 'min' or 'max'."
            )

    @property
    def direction(self) -> Literal["min", "max"]:
        """The mode; that of the name for ``auto``."""
        if self.mode != "auto":
            return self.mode
        return "max" if self.name.endswith(RISING) else "min"

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than a reference by more than ``min_delta``.

        Keras compares in float32 whatever its settings. NaN is no improvement, and nothing is one
        over NaN; anything is one over None.
        """
        if reference is None:
            return True
        delta = abs(self.min_delta)
        with np.errstate(over="ignore"):
            if self.direction == "max":
                return bool(np.float32(value - delta) > np.float32(reference))
            return bool(np.float32(value + delta) < np.float32(reference))
