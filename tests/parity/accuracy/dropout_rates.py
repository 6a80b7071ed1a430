"""Whether a factor was drawn as inverted dropout: exact tests whose false alarms are counted."""

import numpy as np
from scipy.stats import binomtest

from tests.parity.accuracy.dropout_samples import CASES, Array

FALSE_ALARM = 1e-6
"""Of all tests of one framework together, if its draws are right and its seeds were new."""

TESTS_A_CASE = 3
ALPHA = FALSE_ALARM / (TESTS_A_CASE * len(CASES))
"""Of each test, by Bonferroni's inequality."""


def assert_dropout(factor: Array, rate: float, drawn: tuple[int, ...]) -> None:
    """Fails unless elements are 0 or ``1 / (1 - rate)``, the former in this share, independently.

    Zeros are binomial, and so are pairs of zeros among disjoint pairs of neighbours, one along the
    first and one along the last of the axes that are ``drawn``. Both tests are exact.

    Args:
        factor: ``(batch, time, feature)``.
        rate: the share of zeros.
        drawn: the axes along which elements are drawn apart; along the others they must be equal.
    """
    for axis in set(range(factor.ndim)) - set(drawn):
        first = np.take(factor, [0], axis)
        assert (factor == first).all(), f"axis {axis} is drawn element by element"
        factor = first
    dropped = factor == 0
    np.testing.assert_allclose(factor[~dropped], 1 / (1 - rate), rtol=1e-6)
    assert_binomial("zeros", dropped, rate)
    for axis in (drawn[0], drawn[-1]):
        size = factor.shape[axis] // 2 * 2
        halves = [np.take(dropped, range(start, size, 2), axis) for start in (0, 1)]
        assert_binomial(f"pairs along axis {axis}", halves[0] & halves[1], rate**2)


def assert_binomial(what: str, found: Array, rate: float) -> None:
    count, total = int(found.sum()), found.size
    p = binomtest(count, total, rate).pvalue
    assert p >= ALPHA, f"{what}: {count} of {total}, expected {rate:.3g} of them; p = {p:.2g}"
