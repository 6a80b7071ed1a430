"""Axes have round ticks and hold every value."""

import math

import pytest

from parity.report.ticks import epoch_axis, round_step, value_axis

ANY = (-math.inf, math.inf)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.13, 0.71], id="usual"),
        pytest.param([0.5], id="one value"),
        pytest.param([0.0, 0.0], id="zeros"),
        pytest.param([-3.0, 2.0], id="negative"),
        pytest.param([1e-9, 3e-9], id="tiny"),
        pytest.param([1.0, 1e12], id="huge"),
        pytest.param([1e15, 1e15 + 0.125], id="no span to speak of"),
        pytest.param([-9e299, 9e299], id="as large as is drawn"),
        pytest.param([0.2, 0.2000001], id="nearly equal"),
        pytest.param([0.9999, 1.0], id="nearly one"),
    ],
)
def test_value_axis_holds_the_values(values):
    axis = value_axis(values, ANY)
    assert all(-1e-9 <= axis.share(value) <= 1 + 1e-9 for value in values)
    assert 2 <= len(axis.ticks) <= 7
    assert all(math.isfinite(tick) for tick, _ in axis.ticks)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.13, 0.71], ["0.0", "0.2", "0.4", "0.6", "0.8"]),
        ([0.05, 0.95], ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ([3.0, 9.0], ["2", "4", "6", "8", "10"]),
    ],
)
def test_labels(values, labels):
    assert [label for _, label in value_axis(values, ANY).ticks] == labels


def test_distinct_labels_for_distinct_ticks():
    labels = [label for _, label in value_axis([0.2, 0.2000001], ANY).ticks]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("value", [0.0, 0.53, 1.0])
def test_limits_hold_for_a_single_value(value):
    axis = value_axis([value], (0.0, 1.0))
    assert axis.low >= 0
    assert axis.high <= 1


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [([5], [5]), ([0, 1], [0, 1]), ([1, 10], [2, 4, 6, 8, 10]), ([0, 49], [0, 10, 20, 30, 40])],
)
def test_epoch_axis(epochs, ticks):
    axis = epoch_axis(epochs)
    assert [tick for tick, _ in axis.ticks] == ticks
    assert all(0 <= axis.share(epoch) <= 1 for epoch in epochs)


@pytest.mark.parametrize(("least", "step"), [(0.1, 0.1), (0.11, 0.2), (3, 5), (60, 100)])
def test_round_step(least, step):
    assert round_step(least) == pytest.approx(step)
