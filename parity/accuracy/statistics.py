"""Two samples are called equal only where the data show it, and different only where they do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import nctdtr, stdtr, stdtrit

Verdict = Literal["equivalent", "different", "undecided"]
POWER = 0.9
MOST_SEEDS = 100_000


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One framework's values of one quantity.

    Attributes:
        mean: of the values; NaN, as the deviation, where one is not finite.
        deviation: their standard deviation, with ``n - 1``.
        count: how many there are, at least 2.
    """

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Sample":
        """The sample of these values; raises ValueError for fewer than two."""
        if len(values) < 2:
            raise ValueError(f"a spread needs at least 2 values; got {len(values)}. Add seeds.")
        if not np.isfinite(values).all():
            return cls(mean=math.nan, deviation=math.nan, count=len(values))
        return cls(
            mean=float(np.mean(values)), deviation=float(np.std(values, ddof=1)), count=len(values)
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two samples say about the difference of their means, ours minus theirs.

    Welch's (1947) standard error and degrees of freedom serve the intervals and all tests, for the
    frameworks may differ in their spread as well:
    ``error² = s₁²/n₁ + s₂²/n₂``,
    ``freedom = error⁴ / ((s₁²/n₁)²/(n₁-1) + (s₂²/n₂)²/(n₂-1))``.

    Attributes:
        quantity: what was measured, with its unit.
        ours: our values.
        theirs: Keras's values.
        margin: the difference, in the same unit, under which the means count as equal; positive.
        alpha: the error rate of each test; see `verdict`.
    """

    quantity: str
    ours: Sample
    theirs: Sample
    margin: float
    alpha: float = 0.05

    def __post_init__(self) -> None:
        """Checks the settings."""
        if not self.margin > 0:
            raise ValueError(f"the margin must be over 0; got {self.margin}.")
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"alpha must be between 0 and 0.5; got {self.alpha}.")

    @property
    def difference(self) -> float:
        """Of the means, ours minus theirs."""
        return self.ours.mean - self.theirs.mean

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return math.sqrt(sum(one.deviation**2 / one.count for one in (self.ours, self.theirs)))

    @property
    def freedom(self) -> float:
        """The degrees of freedom of the standard error; NaN where no value varies."""
        parts = [one.deviation**2 / one.count for one in (self.ours, self.theirs)]
        counts = (self.ours.count, self.theirs.count)
        below = sum(part**2 / (n - 1) for part, n in zip(parts, counts, strict=True))
        return sum(parts) ** 2 / below if below else math.nan

    def interval(self, confidence: float) -> tuple[float, float]:
        """An interval that holds the true difference in this share of all experiments."""
        reach = self.error * float(stdtrit(self.freedom, (1 + confidence) / 2))
        return self.difference - reach, self.difference + reach

    @property
    def p_difference(self) -> float:
        """Welch's two-sided test: how often equal means would lie this far apart by chance."""
        if not self.error:
            return math.nan
        return float(2 * stdtr(self.freedom, -abs(self.difference) / self.error))

    @property
    def p_equivalence(self) -> float:
        """The two one-sided tests (TOST; Schuirmann 1987).

        How often means that lie a margin apart would look this much nearer by chance: the larger
        p of the tests against ``difference <= -margin`` and against ``difference >= margin``. It
        is under ``alpha`` exactly where the interval of confidence ``1 - 2 * alpha`` lies within
        the margin.
        """
        if not self.error:
            return math.nan
        distance = self.margin - abs(self.difference)
        return float(stdtr(self.freedom, -distance / self.error))

    @property
    def verdict(self) -> Verdict:
        """What may be said, and how often it is wrong.

        ``equivalent`` (TOST): wrong in at most ``alpha`` of all experiments whose true means lie
        a margin or more apart. ``different`` (not equivalent, and Welch's test rejects equality):
        wrong in at most ``alpha`` of those whose true means are equal. ``undecided``: too few
        seeds for either, or values that do not vary or are not finite.
        """
        if self.p_equivalence < self.alpha:
            return "equivalent"
        return "different" if self.p_difference < self.alpha else "undecided"

    def power(self, count: int) -> float:
        """How surely so many runs of each framework find equal means equivalent, at the least.

        Under equality each one-sided statistic has a noncentral t distribution; the bound adds the
        probabilities that either fails (Bonferroni). It is that of the test with one variance,
        ``(s₁² + s₂²) / 2``; Welch's, which has fewer degrees of freedom, comes near from about ten
        runs on.
        """
        error = math.sqrt((self.ours.deviation**2 + self.theirs.deviation**2) / count)
        freedom = 2 * (count - 1)
        critical = stdtrit(freedom, 1 - self.alpha)
        return max(0.0, 1 - 2 * float(nctdtr(freedom, self.margin / error, critical)))

    def runs_needed(self) -> int | None:
        """The fewest runs of each framework whose `power` is 0.9; None where that is unknown.

        It assumes that the true means are equal, and takes the measured spread as the true one.
        """
        if not 0 < self.error < math.inf:
            return None
        low, high = 1, 2
        while self.power(high) < POWER:
            low, high = high, 2 * high
            if high > MOST_SEEDS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.power(middle) >= POWER else (middle, high)
        return high
