"""The specs of Keras's regularisers: what the size of weights or outputs adds to the loss."""

import math
from dataclasses import dataclass, fields

from birnn_lightning.nn.specs.base import Spec


@dataclass(frozen=True, kw_only=True)
class Regularizer(Spec):
    """A penalty of an array; `birnn_lightning.nn.regularizers.penalty` computes it."""

    def __post_init__(self) -> None:
        """Checks that every factor is finite and not negative."""
        for one in fields(self):
            value = getattr(self, one.name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf:
                raise ValueError(
                    f"{type(self).__name__}: {one.name} must be a finite number of at least 0; got "
                    f"{value!r}."
                )


@dataclass(frozen=True, kw_only=True)
class L1(Regularizer):
    """``l1 * sum(|x|)``."""

    l1: float = 0.01


@dataclass(frozen=True, kw_only=True)
class L2(Regularizer):
    """``l2 * sum(x²)``: under plain SGD torch's ``weight_decay`` of ``2 * l2``."""

    l2: float = 0.01


@dataclass(frozen=True, kw_only=True)
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x²)``."""

    l1: float = 0.0
    l2: float = 0.0


REGULARIZERS: dict[str, Regularizer] = {"l1": L1(), "l2": L2(), "l1l2": L1L2()}
"""Keras's names of regularisers with their default settings."""


def regularizer_of(value: Regularizer | str | None) -> Regularizer | None:
    """The regulariser that a name of Keras stands for, or the given one, or None.

    Raises:
        ValueError: no such name.
    """
    if value is None or isinstance(value, Regularizer):
        return value
    if value not in REGULARIZERS:
        raise ValueError(
            f"regularizer must be one of {', '.join(REGULARIZERS)}, a spec such as L2(l2=1e-4), or "
            f"None; got {value!r}."
        )
    return REGULARIZERS[value]
