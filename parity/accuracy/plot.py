"""Every run is a dot: how far seeds spread, and how far the frameworks' means lie apart."""

import os
from collections.abc import Mapping, Sequence

from birnn_lightning.files import atomic_write
from parity.accuracy.statistics import Comparison
from parity.accuracy.trials import FRAMEWORKS, Framework, Values
from parity.report.markup import escaped
from parity.report.svg import is_drawable
from parity.report.ticks import Axis, value_axis

WIDTH, ROW, TOP, LEFT, RIGHT = 640, 34, 30, 60, 20
PANEL = TOP + ROW * len(FRAMEWORKS) + 30
COLOURS: Mapping[Framework, str] = {"ours": "#0069be", "theirs": "#c8500a"}


def write_plot(
    path: str | os.PathLike[str], values: Values, comparisons: Sequence[Comparison]
) -> None:
    """Writes one SVG, atomically: a panel a quantity, a row a framework, a dot a run.

    Args:
        path: where the file goes.
        values: by quantity and framework.
        comparisons: one a quantity, in their order; they give the means, drawn as bars.
    """
    panels = "".join(
        f'<g transform="translate(0 {index * PANEL})">{_panel(values[one.quantity], one)}</g>'
        for index, one in enumerate(comparisons)
    )
    height = PANEL * len(comparisons)
    style = "text{font:13px system-ui,sans-serif}.tick{font-size:11px;text-anchor:middle}"
    atomic_write(
        path,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>Runs of both frameworks</title><style>{style}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{panels}</svg>\n',
    )


def _panel(values: Mapping[Framework, Sequence[float]], one: Comparison) -> str:
    drawable = [value for found in values.values() for value in found if is_drawable(value)]
    title = f'<text x="{LEFT}" y="18">{escaped(one.quantity)}</text>'
    if not drawable:
        return f'{title}<text x="{LEFT}" y="{TOP + ROW}">No run has a value to draw.</text>'
    axis = value_axis(drawable, (min(drawable), max(drawable)))
    bottom = TOP + ROW * len(FRAMEWORKS)
    parts = [title, f'<path d="M{LEFT} {bottom}H{WIDTH - RIGHT}" stroke="#59636e"/>']
    parts += [
        f'<text class="tick" x="{_x(axis, tick)}" y="{bottom + 16}">{label}</text>'
        for tick, label in axis.ticks
    ]
    for row, (framework, sample) in enumerate(zip(FRAMEWORKS, (one.ours, one.theirs), strict=True)):
        y = TOP + ROW * (row + 0.5)
        colour = COLOURS[framework]
        parts.append(f'<text x="8" y="{y + 4}">{framework}</text>')
        parts += [
            f'<circle cx="{_x(axis, value)}" cy="{y}" r="5" fill="{colour}" fill-opacity="0.4"/>'
            for value in values[framework]
            if is_drawable(value)
        ]
        if is_drawable(sample.mean):
            x = _x(axis, sample.mean)
            parts.append(f'<path d="M{x} {y - 13}V{y + 13}" stroke="{colour}" stroke-width="3"/>')
    return "".join(parts)


def _x(axis: Axis, value: float) -> float:
    return round(LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT), 2)
