"""The specs of Keras's initialisers: the distribution of a weight before training."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from birnn_lightning.nn.specs.base import Spec, check_choice

FanMode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["truncated_normal", "untruncated_normal", "uniform"]


@dataclass(frozen=True, kw_only=True)
class Initializer(Spec):
    """How a weight's first values are drawn; `birnn_lightning.nn.initializers.draw` draws them."""

    def __post_init__(self) -> None:
        """Checks that every number is finite."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and not _is_finite(value):
                raise ValueError(
                    f"{type(self).__name__}: {field.name} must be a finite number; got {value!r}."
                )


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _check_stddev(stddev: float, owner: str) -> None:
    if stddev < 0:
        raise ValueError(f"{owner}: stddev must be at least 0; got {stddev!r}.")


@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer):
    """Zeros."""


@dataclass(frozen=True, kw_only=True)
class Ones(Initializer):
    """Ones."""


@dataclass(frozen=True, kw_only=True)
class Constant(Initializer):
    """One value everywhere."""

    value: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RandomNormal(Initializer):
    """N(mean, stddev²)."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        _check_stddev(self.stddev, "RandomNormal")


@dataclass(frozen=True, kw_only=True)
class RandomUniform(Initializer):
    """U(minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.minval > self.maxval:
            raise ValueError(
                f"RandomUniform: minval must not be above maxval; got {self.minval!r} and "
                f"{self.maxval!r}."
            )


@dataclass(frozen=True, kw_only=True)
class TruncatedNormal(Initializer):
    """N(mean, stddev²) conditioned on at most two ``stddev`` from the mean."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        _check_stddev(self.stddev, "TruncatedNormal")


@dataclass(frozen=True, kw_only=True)
class VarianceScaling(Initializer):
    """A distribution whose mean is 0 and whose variance is ``scale / fan``.

    The family of Glorot & Bengio 2010, LeCun et al. 1998 and He et al. 2015.

    Attributes:
        scale: of the variance.
        mode: which fan divides it; ``fan_avg`` is the mean of both. The fans are those of the array
            as Keras shapes it, so a recurrent kernel's fan-out counts all gates.
        distribution: ``truncated_normal`` ends at two of its deviations before truncation, and has
            the variance after it.
    """

    scale: float = 1.0
    mode: FanMode = "fan_in"
    distribution: Distribution = "truncated_normal"

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if not self.scale > 0:
            raise ValueError(f"VarianceScaling: scale must be above 0; got {self.scale!r}.")
        check_choice("VarianceScaling", "mode", self.mode, ("fan_in", "fan_out", "fan_avg"))
        check_choice(
            "VarianceScaling",
            "distribution",
            self.distribution,
            ("truncated_normal", "untruncated_normal", "uniform"),
        )


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Initializer):
    """``gain`` times a random matrix with orthonormal rows or columns (Saxe et al. 2014).

    An array with more than two axes is such a matrix once all but the last are one.
    """

    gain: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Identity(Initializer):
    """``gain`` times the identity matrix; ones on the diagonal where it is not square."""

    gain: float = 1.0


GLOROT_UNIFORM = VarianceScaling(mode="fan_avg", distribution="uniform")

INITIALIZERS: dict[str, Initializer] = {
    "zeros": Zeros(),
    "ones": Ones(),
    "constant": Constant(),
    "random_normal": RandomNormal(),
    "random_uniform": RandomUniform(),
    "truncated_normal": TruncatedNormal(),
    "variance_scaling": VarianceScaling(),
    "glorot_uniform": GLOROT_UNIFORM,
    "glorot_normal": VarianceScaling(mode="fan_avg"),
    "lecun_uniform": VarianceScaling(distribution="uniform"),
    "lecun_normal": VarianceScaling(),
    "he_uniform": VarianceScaling(scale=2.0, distribution="uniform"),
    "he_normal": VarianceScaling(scale=2.0),
    "orthogonal": Orthogonal(),
    "identity": Identity(),
}
"""Keras's names of initialisers with their default settings."""


def initializer_of(value: Initializer | str) -> Initializer:
    """The initialiser that a name of Keras stands for, or the given one.

    Raises:
        ValueError: no such name.
    """
    if isinstance(value, Initializer):
        return value
    if value not in INITIALIZERS:
        known = ", ".join(INITIALIZERS)
        raise ValueError(f"initializer must be one of {known}; got {value!r}.")
    return INITIALIZERS[value]
