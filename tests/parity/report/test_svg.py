"""Every finite value is drawn; what is not finite leaves a gap and a note."""

import math
from typing import Any
from xml.etree import ElementTree

import pytest

from parity.report.svg import MARKED_POINTS, Series, line_chart

NAN = math.nan


def chart(*curves, limits=(-math.inf, math.inf)) -> Any:
    series = [
        Series(name=f"curve {index}", points=tuple(enumerate(values)), style=index)
        for index, values in enumerate(curves)
    ]
    return ElementTree.fromstring(
        line_chart(title="Loss", y_label="loss", series=series, limits=limits)
    )


def drawn(figure):
    """The drawing's polylines and dots, without the legend's."""
    svg = figure.find("svg")
    return svg.findall(".//polyline"), svg.findall(".//circle")


@pytest.mark.parametrize(
    ("values", "lines", "dots"),
    [
        pytest.param([0.7, 0.5, 0.3], 1, 3, id="usual"),
        pytest.param([0.7], 0, 1, id="one epoch"),
        pytest.param([0.7, 0.6, NAN, 0.3, 0.2, math.inf, 0.1], 2, 5, id="gaps"),
        pytest.param([0.1] * (MARKED_POINTS + 1), 1, 0, id="long"),
        pytest.param([NAN, 0.3, *[NAN] * MARKED_POINTS], 0, 1, id="long, one value"),
    ],
)
def test_curves(values, lines, dots):
    polylines, circles = drawn(chart(values))
    assert (len(polylines), len(circles)) == (lines, dots)


def test_every_point_lies_inside_the_drawing():
    figure = chart([3.0, -1.0, 2.0], [1e-3, 11.0])
    _, _, width, height = map(float, figure.find("svg").get("viewBox").split())
    for line in figure.find("svg").iter("polyline"):
        for corner in line.get("points").split():
            x, y = map(float, corner.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_smaller_values_are_drawn_lower():
    _, dots = drawn(chart([0.7, 0.3]))
    assert float(dots[0].get("cy")) < float(dots[1].get("cy"))
    assert float(dots[0].get("cx")) < float(dots[1].get("cx"))


def test_gaps_are_said():
    figure = chart([0.7, NAN, 0.3], [NAN] * 11)
    assert [note.text for note in figure.findall("p")] == [
        "curve 0 is not finite at epoch 1.",
        "curve 1 is not finite at 11 epochs: 0, 1, 2, 3, 4, 5, 6, 7, ….",
    ]


@pytest.mark.parametrize("values", [[], [NAN], [math.inf, 1e305]])
def test_nothing_to_draw(values):
    figure = chart(values)
    assert figure.find("svg") is None
    assert figure.find("p").text == "There is no value to draw."


def test_accessible_name_and_description():
    svg = chart([0.7, 0.3]).find("svg")
    assert svg.get("role") == "img"
    assert svg.findtext("title") == svg.get("aria-label") == "Loss"
    assert svg.findtext("desc") == "curve 0: 0.7000 at epoch 0, 0.3000 at epoch 1."


def test_legend_names_every_curve_in_its_own_style():
    figure = chart([0.7], [0.5], [0.3])
    assert ["".join(item.itertext()) for item in figure.iter("li")] == [
        "curve 0",
        "curve 1",
        "curve 2",
    ]
    styles = [item.find("svg/g").get("class") for item in figure.iter("li")]
    assert len(set(styles)) == 3
    assert styles == [group.get("class") for group in figure.find("svg").findall("g")]
