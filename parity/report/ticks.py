"""An axis shows round numbers, whatever the data: one value, tiny spans, huge values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A linear axis.

    Attributes:
        low: the value at its start.
        high: the value at its end, larger than ``low``.
        ticks: values on it with their labels, ascending.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Where ``value`` lies: 0 at ``low``, 1 at ``high``."""
        return (value - self.low) / (self.high - self.low)


def value_axis(values: Sequence[float], limits: tuple[float, float]) -> Axis:
    """An axis from a round number under all ``values`` to one above them, within ``limits``.

    Args:
        values: at least one, all finite.
        limits: the smallest and largest value that makes sense.
    """
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = 0.05 * max(abs(low), abs(high)) or 0.05
        low, high = max(low - margin, limits[0]), min(high + margin, limits[1])
    step = round_step((high - low) / 4)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    ticks = [index * step for index in range(first, last + 1)]
    largest = max(abs(ticks[0]), abs(ticks[-1]))
    if largest < 1e5 and step >= 1e-4:
        decimals = next(n for n in range(6) if math.isclose(round(step, n), step, rel_tol=1e-9))
        labels = [f"{tick:.{decimals}f}" for tick in ticks]
    else:
        digits = math.ceil(math.log10(largest / step)) + 2  # steps of 2.5 need one more
        labels = [f"{tick:.{digits}g}" for tick in ticks]
    return Axis(ticks[0], ticks[-1], tuple(zip(ticks, labels, strict=True)))


def epoch_axis(epochs: Sequence[int]) -> Axis:
    """An axis from the first to the last of ``epochs``, with whole numbers at its ticks."""
    low, high = min(epochs), max(epochs)
    if low == high:
        return Axis(low - 1, high + 1, ((low, str(low)),))
    step = max(1, math.ceil(round_step((high - low) / 7)))
    first = -(-low // step) * step
    return Axis(low, high, tuple((tick, str(tick)) for tick in range(first, high + 1, step)))


def round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten not under ``least``, a positive one."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= least * (1 - 1e-9))
