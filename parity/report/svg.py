"""A learning curve is an SVG that needs no library and takes its colours from its page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from parity.report.markup import escaped
from parity.report.ticks import Axis, epoch_axis, value_axis
from parity.report.wording import metric

WIDTH, HEIGHT = 400, 240
TOP, RIGHT, BOTTOM = 26, 14, 40
CHARACTER = 7  # about the width of a digit at the chart's font size
STYLES = 6  # how many colour and dash pairs style.css defines
MARKED_POINTS = 40  # longer curves are drawn without a dot per epoch
LARGEST = 1e300  # a larger number is as good as infinite: differences of such overflow


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve.

    Attributes:
        name: what the legend says.
        points: ``(epoch, value)`` in order; a value that is not finite leaves a gap.
        style: which colour and dash, counted from 0.
        unit: what the points are counted in.
    """

    name: str
    points: tuple[tuple[int, float], ...]
    style: int
    unit: str = "epoch"

    @property
    def css_class(self) -> str:
        """The class that ``style.css`` gives a colour and a dash."""
        return f"s{self.style % STYLES}"


def line_chart(
    *,
    title: str,
    y_label: str,
    series: Sequence[Series],
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> str:
    """A ``<figure>`` with curves over epochs, a legend, and a note on what could not be drawn.

    Args:
        title: the caption, and the chart's accessible name.
        y_label: what the vertical axis measures.
        series: the curves.
        limits: the smallest and largest value that makes sense on the vertical axis.
    """
    drawable = [point for line in series for point in line.points if is_drawable(point[1])]
    if drawable:
        chart = svg(title, y_label, series, drawable, limits)
    else:
        chart = '<p class="note">There is no value to draw.</p>'
    legend = "".join(legend_entry(line) for line in series)
    return (
        f'<figure class="chart"><figcaption>{escaped(title)}</figcaption>{chart}'
        f'<ul class="legend">{legend}</ul>{gaps_note(series)}</figure>'
    )


def is_drawable(value: float) -> bool:
    """Whether ``value`` has a place on an axis."""
    return math.isfinite(value) and abs(value) < LARGEST


def svg(
    title: str,
    y_label: str,
    series: Sequence[Series],
    drawable: Sequence[tuple[int, float]],
    limits: tuple[float, float],
) -> str:
    """The drawing: grid, axes, ticks and curves."""
    vertical = value_axis([value for _, value in drawable], limits)
    horizontal = epoch_axis([epoch for epoch, _ in drawable])
    left = 12 + CHARACTER * max(len(label) for _, label in vertical.ticks)
    place = Place(horizontal, vertical, left)
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(title)}">',
        f"<title>{escaped(title)}</title><desc>{escaped(described(series))}</desc>",
        f'<text class="label" x="{left}" y="14">{escaped(y_label)}</text>',
        f'<text class="label end" x="{right}" y="{HEIGHT - 6}">{escaped(series[0].unit)}</text>',
    ]
    for value, label in vertical.ticks:
        y = place.y(value)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick end" x="{left - 6}" y="{y}" dy="0.35em">{label}</text>')
    for value, label in horizontal.ticks:
        x = place.x(value)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick middle" x="{x}" y="{bottom + 17}">{label}</text>')
    parts.append(f'<path class="axis" d="M{left} {TOP}V{bottom}H{right}"/>')
    parts += [curve(line, place) for line in series]
    return "".join(parts) + "</svg>"


@dataclass(frozen=True)
class Place:
    """Where a value lies on the drawing."""

    horizontal: Axis
    vertical: Axis
    left: int

    def x(self, epoch: float) -> float:
        """The horizontal position of ``epoch``."""
        return round(self.left + self.horizontal.share(epoch) * (WIDTH - RIGHT - self.left), 2)

    def y(self, value: float) -> float:
        """The vertical position of ``value``, counted from the top."""
        return round(HEIGHT - BOTTOM - self.vertical.share(value) * (HEIGHT - BOTTOM - TOP), 2)


def curve(line: Series, place: Place) -> str:
    """One curve: a polyline per unbroken run, and dots that say their values when pointed at."""
    runs: list[list[tuple[int, float]]] = [[]]
    for point in line.points:
        if is_drawable(point[1]):
            runs[-1].append(point)
        else:
            runs.append([])
    parts = [f'<g class="{line.css_class}">']
    for run in runs:
        if len(run) > 1:
            corners = " ".join(f"{place.x(epoch)},{place.y(value)}" for epoch, value in run)
            parts.append(f'<polyline points="{corners}"/>')
        radius = 4 if len(run) == 1 else 2.6
        if len(run) == 1 or len(line.points) <= MARKED_POINTS:
            parts += [
                f'<circle cx="{place.x(at)}" cy="{place.y(value)}" r="{radius}">'
                f"<title>{escaped(line.name)}, {line.unit} {at}: {metric(value)}</title></circle>"
                for at, value in run
            ]
    return "".join(parts) + "</g>"


def legend_entry(line: Series) -> str:
    """A sample of the curve beside its name."""
    sample = '<polyline points="1,5 25,5"/>'
    return (
        f'<li><svg viewBox="0 0 26 10" aria-hidden="true"><g class="{line.css_class}">{sample}</g>'
        f"</svg>{escaped(line.name)}</li>"
    )


def described(series: Sequence[Series]) -> str:
    """Where every curve starts and ends, in words, for those who cannot see it."""
    sentences = []
    for line in series:
        run = [point for point in line.points if is_drawable(point[1])]
        if run:
            (first, start), (last, end) = run[0], run[-1]
            sentences.append(
                f"{line.name}: {metric(start)} at {line.unit} {first}, "
                f"{metric(end)} at {line.unit} {last}."
            )
    return " ".join(sentences)


def gaps_note(series: Sequence[Series]) -> str:
    """A sentence per curve that has values with no place on an axis; empty where none has."""
    notes = []
    for line in series:
        gaps = [epoch for epoch, value in line.points if not is_drawable(value)]
        if gaps:
            shown = ", ".join(map(str, gaps[:8])) + (", …" if len(gaps) > 8 else "")
            word = line.unit if len(gaps) == 1 else f"{len(gaps)} {line.unit}s:"
            notes.append(
                f'<p class="note">{escaped(line.name)} is not finite at {word} {shown}.</p>'
            )
    return "".join(notes)
