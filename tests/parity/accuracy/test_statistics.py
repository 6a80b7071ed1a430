"""Verdicts on two samples: the arithmetic is the textbooks', the errors as rare as stated."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from parity.accuracy.statistics import POWER, Comparison, Sample

EXPERIMENTS = 4000
# A binomial count exceeds its mean by 5 standard deviations in less than one of a million samples.
SIGMAS = 5.0


def compared(ours, theirs, margin=1.0, alpha=0.05):
    return Comparison(
        quantity="accuracy",
        ours=Sample.of(ours),
        theirs=Sample.of(theirs),
        margin=margin,
        alpha=alpha,
    )


def verdicts(difference, deviations, counts, margin=1.0, seed=0, experiments=EXPERIMENTS):
    """How often each verdict is given on normal samples."""
    draw = np.random.default_rng(seed)
    given = [
        compared(
            draw.normal(90 + difference, deviations[0], counts[0]),
            draw.normal(90, deviations[1], counts[1]),
            margin,
        ).verdict
        for _ in range(experiments)
    ]
    return {
        name: given.count(name) / experiments for name in ("equivalent", "different", "undecided")
    }


def at_most(rate, allowed):
    """Whether a measured rate is one of a true rate of at most ``allowed``."""
    return rate <= allowed + SIGMAS * math.sqrt(allowed * (1 - allowed) / EXPERIMENTS)


OURS = [96.1, 95.3, 97.2, 96.6, 95.9, 96.4, 96.0]
THEIRS = [95.8, 96.9, 94.1, 97.5, 95.0]


def test_welch_s_test_is_scipy_s():
    one = compared(OURS, THEIRS)
    expected: Any = stats.ttest_ind(OURS, THEIRS, equal_var=False)
    assert one.p_difference == pytest.approx(expected.pvalue, rel=1e-12)
    assert one.freedom == pytest.approx(expected.df, rel=1e-12)
    interval = expected.confidence_interval(0.9)
    assert one.interval(0.9) == pytest.approx((interval.low, interval.high), rel=1e-12)


@pytest.mark.parametrize("shift", [-2.0, -0.4, 0.0, 0.7, 3.0])
def test_tost_is_the_larger_of_scipy_s_one_sided_tests(shift):
    ours, margin = [value + shift for value in OURS], 1.3
    above: Any = stats.ttest_ind(
        [v + margin for v in ours], THEIRS, equal_var=False, alternative="greater"
    )
    below: Any = stats.ttest_ind(
        [v - margin for v in ours], THEIRS, equal_var=False, alternative="less"
    )
    expected = max(above.pvalue, below.pvalue)
    assert compared(ours, THEIRS, margin).p_equivalence == pytest.approx(expected, rel=1e-12)


def test_equivalent_means_that_the_90_percent_interval_lies_within_the_margin():
    draw = np.random.default_rng(1)
    found = set()
    for _ in range(300):
        one = compared(draw.normal(0, 1, 5), draw.normal(0.3, 2, 11), margin=1.2)
        low, high = one.interval(0.9)
        assert (one.verdict == "equivalent") == (abs(low) < 1.2 and abs(high) < 1.2)
        found.add(one.verdict)
    assert {"equivalent", "undecided"} <= found


@pytest.mark.parametrize("deviations", [(0.7, 0.7), (0.4, 1.1)], ids=["alike", "unlike"])
@pytest.mark.parametrize("counts", [(20, 20), (7, 13)], ids=str)
def test_frameworks_a_margin_apart_are_called_equivalent_at_most_at_alpha(deviations, counts):
    assert at_most(verdicts(1.0, deviations, counts)["equivalent"], 0.05)


def test_equal_frameworks_are_called_different_at_most_at_alpha():
    """With a margin so small that nothing is equivalent: the rate is then alpha itself."""
    rate = verdicts(0.0, (0.7, 1.1), (11, 13), margin=1e-3)["different"]
    assert at_most(rate, 0.05)
    assert rate > 0.03


def test_equal_frameworks_are_equivalent_with_twenty_seeds():
    """The spread of a data set is at most its margin."""
    assert verdicts(0.0, (1.0, 1.0), (20, 20))["equivalent"] > 0.85


def test_a_handicapped_framework_is_different():
    """Two points worse, as one would be that trains with another epsilon or other first weights."""
    found = verdicts(-2.0, (0.8, 0.8), (20, 20))
    assert found["different"] > 0.999
    assert found["equivalent"] == 0


def test_few_seeds_are_undecided_and_say_how_many_are_needed():
    one = compared([96.0, 96.9], [95.7, 96.8])
    assert one.verdict == "undecided"
    needed = one.runs_needed()
    assert needed is not None
    assert needed > 2


@pytest.mark.parametrize("deviation", [0.7, 1.9])
def test_the_runs_needed_give_the_power_promised_and_one_less_does_not(deviation):
    sample = Sample(mean=96.0, deviation=deviation, count=4)
    one = Comparison(quantity="accuracy", ours=sample, theirs=sample, margin=1.0)
    needed = one.runs_needed()
    assert needed is not None
    assert one.power(needed) >= POWER > one.power(needed - 1)
    rate = verdicts(0.0, (deviation, deviation), (needed, needed), experiments=2000)["equivalent"]
    assert POWER - 0.04 < rate < 0.97


def test_power_grows_with_the_runs():
    sample = Sample(mean=96.0, deviation=0.7, count=4)
    one = Comparison(quantity="accuracy", ours=sample, theirs=sample, margin=1.0)
    powers = [one.power(count) for count in range(5, 25)]
    assert all(first < second for first, second in pairwise(powers))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([97.0, 97.0], [97.0, 97.0]),
        ([97.0, 97.0], [50.0, 50.0]),
        ([1.0, math.nan], [1.0, 2.0]),
        ([1.0, 3.0], [math.inf, 2.0]),
    ],
)
def test_values_that_do_not_vary_or_are_not_finite_decide_nothing(ours, theirs):
    one = compared(ours, theirs)
    assert one.verdict == "undecided"
    assert one.runs_needed() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margin": 0.0}, r"the margin must be over 0; got 0\.0"),
        ({"margin": math.nan}, "the margin must be over 0; got nan"),
        ({"alpha": 0.5}, r"alpha must be between 0 and 0\.5; got 0\.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        compared(OURS, THEIRS, **change)


def test_one_value_has_no_spread():
    with pytest.raises(ValueError, match="a spread needs at least 2 values; got 1"):
        Sample.of([96.0])
