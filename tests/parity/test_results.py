"""A long report is condensed without losing a failure, and its counts stay those of all rows."""

import math

import pytest

from parity.report.wording import summary
from parity.results import ParityReport, ParityRow


def row(case="one", compared="outputs", dtype="float64", difference=1e-13, passed=True):
    return ParityRow(
        case=case,
        compared=compared,
        dtype=dtype,
        max_difference=difference,
        allowed=1e-12,
        passed=passed,
    )


NEAREST = row("nearest", difference=7e-13)
NARROW = row("narrow", dtype="float32", difference=2e-13)
ZERO = row("zero", "masks", "bool", difference=0.0)
WRONG = row("wrong", difference=1.0, passed=False)
MISSING = row("missing", "masks", "bool", difference=math.nan, passed=False)
LONG = ParityReport((row(), WRONG, NEAREST, row("three"), NARROW, ZERO, ZERO, MISSING))


def test_a_short_report_stays_as_it_is():
    assert LONG.condensed(8) is LONG
    assert LONG.condensed() is LONG


def test_a_long_report_is_its_failures_and_a_row_a_kind():
    short = LONG.condensed(7)
    assert short.rows[:2] == (WRONG, MISSING)
    kinds = [(one.compared, one.dtype) for one in short.rows[2:]]
    assert kinds == [("outputs", "float64"), ("outputs", "float32"), ("masks", "bool")]
    assert all(one.passed for one in short.rows[2:])
    assert short.failures == LONG.failures


def test_a_row_for_many_has_the_numbers_of_the_one_nearest_to_its_bound():
    nearest = LONG.condensed(0).rows[2]
    assert nearest.max_difference == NEAREST.max_difference
    assert nearest.case == "3 cases, nearest to its bound"


def test_nearest_is_a_share_of_what_is_allowed():
    generous = ParityRow(
        case="generous",
        compared="outputs",
        dtype="float64",
        max_difference=1e-3,
        allowed=1.0,
        passed=True,
    )
    (short,) = ParityReport((generous, NEAREST)).condensed(1).rows
    assert (short.max_difference, short.allowed) == (7e-13, 1e-12)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (LONG.rows, "2 of 8 differ"),
        ((WRONG, row(), NEAREST, ZERO), "1 of 4 differs"),
        ((row(), NEAREST, ZERO), "3 compared, 3 within rounding"),
        ((), "nothing was compared"),
    ],
)
def test_a_condensed_report_counts_every_comparison(rows, text):
    report = ParityReport(rows)
    assert summary(report) == text
    assert summary(report.condensed(0)) == text
    assert report.condensed(0).passed == report.passed


def test_rows_say_for_how_many_they_stand():
    assert [one.count for one in LONG.condensed(0).rows] == [1, 1, 3, 1, 2]


def test_condensing_twice_changes_no_count():
    twice = LONG.condensed(0).condensed(0)
    assert summary(twice) == summary(LONG)
