"""Peers side by side as bars that need no library and take their colours from their page."""

from collections.abc import Sequence
from typing import NamedTuple

from parity.report.markup import escaped

WIDTH, ROW, LABEL, VALUE = 400, 20, 150, 74


class Bar(NamedTuple):
    """One bar.

    Attributes:
        label: who.
        value: how long it is, positive; None for no bar.
        text: what stands behind it.
        ours: whether it is coloured as ours.
    """

    label: str
    value: float | None
    text: str
    ours: bool


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """A ``<figure>`` with a bar a line, all from zero."""
    most = max((bar.value for bar in bars if bar.value), default=1.0)
    height = ROW * len(bars) + 4
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escaped(title)}">',
        f"<title>{escaped(title)}</title>",
    ]
    for index, bar in enumerate(bars):
        middle = ROW * index + ROW / 2 + 2
        length = (bar.value or 0) / most * (WIDTH - LABEL - VALUE)
        parts.append(
            f'<g class="{"s0" if bar.ours else "s5"}">'
            f'<text class="tick end" x="{LABEL - 6}" y="{middle}" dy="0.35em">'
            f"{escaped(bar.label)}</text>"
            f'<rect x="{LABEL}" y="{middle - 6}" width="{length:.1f}" height="12" '
            'style="fill: var(--c)"/>'
            f'<text x="{LABEL + length + 5:.1f}" y="{middle}" dy="0.35em">'
            f"{escaped(bar.text)}</text>"
            "</g>"
        )
    chart = "".join(parts)
    return f'<figure class="chart"><figcaption>{escaped(title)}</figcaption>{chart}</svg></figure>'
