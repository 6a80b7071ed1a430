"""A parity report is an aligned table in any terminal, log or pipe, and loses nothing there."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

from parity.report.wording import number, summary, verdict, visible, visible_lines
from parity.results import ParityReport, ParityRow

GREEN, RED, BOLD, DIM = "32", "1;31", "1", "2"
GAP = "  "


def parity_table(
    report: ParityReport, stream: TextIO | None = None, *, from_grid: bool = False
) -> str:
    """The report as a plain-text table, each failure with its detail beneath, the counts last.

    On a terminal that is narrower than the table, a case moves to a line of its own above its rows.
    Everywhere else the table is as wide as it needs to be. Nothing is cut.

    Args:
        report: what was compared.
        stream: where the text will be printed; standard output by default. Colours are used when it
            is a terminal, ``NO_COLOR`` is unset or empty and ``TERM`` is not ``dumb``.
        from_grid: whether the cases are of a grid, where `parity.suite.find_case` finds them: the
            lines of Python that try a failed one again then stand beneath it.

    Returns:
        The table, without a newline at its end.
    """
    stream = sys.stdout if stream is None else stream
    terminal = stream is not None and stream.isatty()
    paint = Paint(
        terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"
    )
    encoding = getattr(stream, "encoding", None) or "utf-8"
    header = ("case", "compared", "dtype", delta_heading(encoding), "allowed", "verdict")
    cells = [header, *(row_cells(row, encoding) for row in report.rows)]
    widths = [max(map(cell_count, column)) for column in zip(*cells, strict=True)]
    wide = sum(widths) + len(GAP) * (len(widths) - 1)
    stacked = terminal and wide > shutil.get_terminal_size().columns

    lines = []
    if report.rows:
        first = "" if stacked else padded(header[0], widths[0]) + GAP
        lines.append(paint(BOLD, (first + tail(header, widths)).rstrip()))
        lines.append(paint(DIM, "-" * (wide - widths[0] - len(GAP) if stacked else wide)))
    previous = None
    last_failures = {row.case: row for row in report.failures}
    for row, texts in zip(report.rows, cells[1:], strict=True):
        if stacked and texts[0] != previous:
            lines.append(paint(BOLD, texts[0]))
        previous = texts[0]
        first = "" if stacked else padded(texts[0], widths[0]) + GAP
        colour = GREEN if row.passed else RED
        lines.append(first + tail(texts, widths, last=paint(colour, texts[-1])))
        if not row.passed:
            lines += [paint(RED, f"  {encodable(d, encoding)}") for d in visible_lines(row.detail)]
        if from_grid and row is last_failures.get(row.case):
            lines += [f"    {encodable(line, encoding)}" for line in reproduction(row.case)]
    if report.rows:
        lines.append("")
    lines.append(paint(GREEN if report.passed else RED, summary(report)))
    return "\n".join(lines)


def reproduction(case: str) -> tuple[str, ...]:
    """Python that runs one case of a grid again and raises what it finds."""
    return (
        "from parity.suite import find_case, run_case",
        f"case = find_case({case!r})",
        "run_case(case).raise_for_failures()",
    )


class Paint:
    """Wraps text in an ANSI colour, or leaves it alone."""

    def __init__(self, on: bool) -> None:
        """Takes whether colours are wanted at all."""
        self.on = on

    def __call__(self, code: str, text: str) -> str:
        """``text`` in the colour ``code`` (the numbers of an ANSI "select graphic rendition")."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text


def row_cells(row: ParityRow, encoding: str) -> tuple[str, ...]:
    """The six texts of one row, each printable in ``encoding``."""
    texts = (
        row.case,
        row.compared,
        row.dtype,
        number(row.max_difference),
        number(row.allowed),
        verdict(row),
    )
    return tuple(encodable(visible(text), encoding) for text in texts)


def tail(texts: Sequence[str], widths: Sequence[int], last: str | None = None) -> str:
    """All columns but the case: words to the left, numbers to the right, ``last`` as it comes."""
    _, compared, dtype, difference, allowed, word = texts
    return GAP.join(
        (
            padded(compared, widths[1]),
            padded(dtype, widths[2]),
            " " * (widths[3] - cell_count(difference)) + difference,
            " " * (widths[4] - cell_count(allowed)) + allowed,
            word if last is None else last,
        )
    )


def aligned(rows: Sequence[Sequence[str]], numbers: int) -> list[str]:
    """The lines of a plain table: its header, a rule, and a line a row.

    Args:
        rows: the header first, all of the same length.
        numbers: how many of the last columns stand to the right.
    """
    widths = [max(map(cell_count, column)) for column in zip(*rows, strict=True)]
    words = len(widths) - numbers
    lines = []
    for row in rows:
        cells = [padded(text, width) for text, width in zip(row[:words], widths, strict=False)]
        for text, width in zip(row[words:], widths[words:], strict=True):
            cells.append(" " * (width - cell_count(text)) + text)
        lines.append(GAP.join(cells).rstrip())
    return [lines[0], "-" * max(map(cell_count, lines)), *lines[1:]]


def cell_count(text: str) -> int:
    """How many terminal cells ``text`` fills: two per wide East Asian letter, none per accent."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def padded(text: str, width: int) -> str:
    """``text`` filled with spaces to ``width`` terminal cells."""
    return text + " " * (width - cell_count(text))


def delta_heading(encoding: str) -> str:
    """The heading of the differences, in ASCII for a stream that cannot print a delta."""
    heading = "max |Δ|"
    return heading if encodable(heading, encoding) == heading else "max |diff|"


def encodable(text: str, encoding: str) -> str:
    """``text`` with what ``encoding`` cannot express spelled out, so that printing cannot raise."""
    return text.encode(encoding, "backslashreplace").decode(encoding)
