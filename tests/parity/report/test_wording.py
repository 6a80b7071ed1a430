"""Numbers, durations and hostile characters have one spelling."""

import math

import pytest

from parity.report.wording import duration, metric, number, summary, visible, visible_lines
from parity.results import ParityReport
from tests.parity.report.samples import failing, passing


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.25e-7, "1.25e-07"), (math.nan, "NaN"), (math.inf, "inf"), (-math.inf, "-inf")],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.87312, "0.8731"),
        (0.0, "0.0000"),
        (1e-9, "1.00e-09"),
        (math.nan, "NaN"),
        (-2.5, "-2.5000"),
    ],
)
def test_metric(value, text):
    assert metric(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.97, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3720, "1 h 02 min"),
        (math.nan, "not measured"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("|Δ| é 隠\u00a0x", "|Δ| é 隠\u00a0x"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb", r"a\nb"),
        ("\u202e", r"\u202e"),
        ("\ud800", r"\ud800"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_visible_lines():
    assert visible_lines("") == ()
    assert visible_lines("a\nb\r") == ("a", r"b\r")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ((), "nothing was compared"),
        ((passing(), passing(), passing()), "3 compared, 3 within rounding"),
        ((passing(), failing()), "1 of 2 differs"),
        ((failing(), failing(), passing()), "2 of 3 differ"),
    ],
)
def test_summary(rows, text):
    assert summary(ParityReport(rows)) == text
