"""Keras's learning-rate schedules: the rate of every step, by the formulas of Keras 3."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import get_type_hints


class Schedule:
    """A learning rate that depends on the number of updates made before, counted from 0.

    The fields are the arguments of ``keras.optimizers.schedules``, with their defaults. Rates are
    computed in float64; Keras computes them in float32 unless every argument is a NumPy float64.
    """

    def __post_init__(self) -> None:
        """Checks the fields."""
        hints = get_type_hints(type(self))
        for field in fields(self):  # type: ignore[arg-type]
            value, hint = getattr(self, field.name), hints[field.name]
            if hint is bool and not isinstance(value, bool):
                raise ValueError(f"{field.name} must be true or false; got {value!r}.")
            if hint is float and not is_number(value):
                raise ValueError(f"{field.name} must be a number; got {value!r}.")
            if field.name.endswith("decay_steps") and value <= 0:
                raise ValueError(f"{field.name} must be positive; got {value!r}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ExponentialDecay(Schedule):
    """``initial * decay_rate ** (step / decay_steps)``; with ``staircase`` whole powers only."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.decay_rate <= 0:
            raise ValueError(f"decay_rate must be positive; got {self.decay_rate}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number."""
        power = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(power) if self.staircase else power
        )


@dataclass(frozen=True, kw_only=True)
class InverseTimeDecay(Schedule):
    """``initial / (1 + decay_rate * step / decay_steps)``; ``staircase`` rounds the quotient."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.decay_rate < 0:
            raise ValueError(f"decay_rate must not be negative; got {self.decay_rate}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number."""
        passed = step / self.decay_steps
        passed = math.floor(passed) if self.staircase else passed
        return self.initial_learning_rate / (1 + self.decay_rate * passed)


@dataclass(frozen=True, kw_only=True)
class PolynomialDecay(Schedule):
    """From the initial to the end rate along ``(1 - step / decay_steps) ** power``.

    With ``cycle`` the steps of the decay double, triple, ... whenever they are over; the rate jumps
    up at the first step after each end.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.power < 0:
            raise ValueError(f"power must not be negative; got {self.power}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number."""
        if self.cycle:
            done = step / (self.decay_steps * max(math.ceil(step / self.decay_steps), 1))
        else:
            done = min(step, self.decay_steps) / self.decay_steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1 - done) ** self.power + self.end_learning_rate


@dataclass(frozen=True, kw_only=True)
class CosineDecay(Schedule):
    """Half a cosine down to ``alpha`` times the highest rate (Loshchilov & Hutter 2016).

    With ``warmup_target`` the rate first rises from the initial one to the target, linearly over
    ``warmup_steps``, and falls from there.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.warmup_target is not None and not is_number(self.warmup_target):
            raise ValueError(f"warmup_target must be a number; got {self.warmup_target!r}.")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must not be negative; got {self.warmup_steps}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number."""
        highest, warmup = self.initial_learning_rate, 0.0
        if self.warmup_target is not None:
            highest, warmup = self.warmup_target, self.warmup_steps
            if step < warmup:
                start = self.initial_learning_rate
                return (highest - start) * (step / warmup) + start
        done = min(step - warmup, self.decay_steps) / self.decay_steps
        return highest * ((1 - self.alpha) * half_cosine(done) + self.alpha)


@dataclass(frozen=True, kw_only=True)
class CosineDecayRestarts(Schedule):
    """Cosines one after the other (Loshchilov & Hutter 2016).

    Each is ``t_mul`` times as long as the one before, and starts at ``m_mul`` times its rate.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.t_mul < 1:
            raise ValueError(f"t_mul must be at least 1; got {self.t_mul}.")
        if self.m_mul <= 0:
            raise ValueError(f"m_mul must be positive; got {self.m_mul}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number.

        As in Keras, rounding of the logarithms can delay a restart by a step.
        """
        done = step / self.first_decay_steps
        if self.t_mul == 1:
            restarts = math.floor(done)
            done -= restarts
        else:
            restarts = math.floor(math.log(1 - done * (1 - self.t_mul)) / math.log(self.t_mul))
            length = self.t_mul**restarts
            done = (done - (1 - length) / (1 - self.t_mul)) / length
        cosine = self.m_mul**restarts * half_cosine(done)
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


@dataclass(frozen=True, kw_only=True)
class PiecewiseConstantDecay(Schedule):
    """``values[i]`` up to and including step ``boundaries[i]``, the last value after them all.

    As in Keras, fractions of boundaries are dropped.
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        """Checks the fields."""
        for name, numbers in (("boundaries", self.boundaries), ("values", self.values)):
            if not isinstance(numbers, Sequence) or not all(map(is_number, numbers)):
                raise ValueError(f"{name} must be a list of numbers; got {numbers!r}.")
        if not self.boundaries or len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                "values must have one number more than boundaries, which have at least one; got "
                f"{len(self.boundaries)} boundaries and {len(self.values)} values."
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(f"boundaries must increase; got {list(self.boundaries)}.")

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number."""
        return self.values[sum(step > int(boundary) for boundary in self.boundaries)]


KERAS_SCHEDULES: dict[str, type[Schedule]] = {
    "exponential_decay": ExponentialDecay,
    "inverse_time_decay": InverseTimeDecay,
    "polynomial_decay": PolynomialDecay,
    "cosine_decay": CosineDecay,
    "cosine_decay_restarts": CosineDecayRestarts,
    "piecewise_constant_decay": PiecewiseConstantDecay,
}


def half_cosine(done: float) -> float:
    """From 1 at 0 down to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * done))


def is_number(value: object) -> bool:
    """Whether a setting is a number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
