"""The specs of Keras's constraints: what a weight is made to satisfy after every update."""

import math
from dataclasses import dataclass

from birnn_lightning.nn.specs.base import Spec


@dataclass(frozen=True, kw_only=True)
class Constraint(Spec):
    """A projection of an array; `birnn_lightning.nn.constraints.constrained` computes it."""


def _check_bounds(owner: str, **values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{owner}: {name} must be finite and at least 0; got {value!r}.")


@dataclass(frozen=True, kw_only=True)
class _Norm(Constraint):
    """A constraint of Euclidean norms.

    Attributes:
        axis: the axis, or axes, over which a norm is taken, of the array as Keras shapes it:
            ``(input, gates * units)`` for kernels, ``(width, input, output)`` for convolutions,
            ``(2, gates * units)`` for the bias of a GRU with ``reset_after``.
    """

    axis: int | tuple[int, ...] = 0

    def __post_init__(self) -> None:
        """Checks the axes."""
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if not axes or any(isinstance(one, bool) or not isinstance(one, int) for one in axes):
            raise ValueError(
                f"{type(self).__name__}: axis must be an integer or several; got {self.axis!r}."
            )


@dataclass(frozen=True, kw_only=True)
class MaxNorm(_Norm):
    """Norms of at most ``max_value``."""

    max_value: float = 2

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        _check_bounds("MaxNorm", max_value=self.max_value)


@dataclass(frozen=True, kw_only=True)
class MinMaxNorm(_Norm):
    """Norms from ``min_value`` to ``max_value``.

    Attributes:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: how far a norm moves towards these bounds at each update; 1 for all the way.
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        _check_bounds(
            "MinMaxNorm", min_value=self.min_value, max_value=self.max_value, rate=self.rate
        )
        if self.min_value > self.max_value:
            raise ValueError(
                f"MinMaxNorm: min_value must not be above max_value; got {self.min_value!r} and "
                f"{self.max_value!r}."
            )


@dataclass(frozen=True, kw_only=True)
class UnitNorm(_Norm):
    """Norms of 1."""


@dataclass(frozen=True, kw_only=True)
class NonNeg(Constraint):
    """No element below 0."""


CONSTRAINTS: dict[str, Constraint] = {
    "max_norm": MaxNorm(),
    "min_max_norm": MinMaxNorm(),
    "unit_norm": UnitNorm(),
    "non_neg": NonNeg(),
}
"""Keras's names of constraints with their default settings."""


def constraint_of(value: Constraint | str | None) -> Constraint | None:
    """The constraint that a name of Keras stands for, or the given one, or None.

    Raises:
        ValueError: no such name.
    """
    if value is None or isinstance(value, Constraint):
        return value
    if value not in CONSTRAINTS:
        raise ValueError(
            f"constraint must be one of {', '.join(CONSTRAINTS)}, a spec such as "
            f"MaxNorm(max_value=3), or None; got {value!r}."
        )
    return CONSTRAINTS[value]
