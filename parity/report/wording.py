"""Numbers, verdicts and hostile characters read the same in every report format."""

import math
import unicodedata

from parity.results import ParityReport, ParityRow


def number(value: float) -> str:
    """Three significant digits of a difference or a bound, e.g. ``1.19e-07``, ``0`` or ``NaN``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return "0" if value == 0 else f"{value:.2e}"


def metric(value: float) -> str:
    """Four digits of a loss or an accuracy, e.g. ``0.8731``; else the notation of ``number``."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4f}"
    return number(value)


def duration(seconds: float) -> str:
    """Wall-clock time in fitting units, e.g. ``12.3 s``, ``4 min 05 s``, ``1 h 02 min``."""
    if not math.isfinite(seconds):
        return "not measured"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def visible(text: str) -> str:
    r"""``text`` on one line, with every control or invisible character spelled out, e.g. ``\x1b``.

    So a case name can neither steer a terminal nor make an XML file illegal.
    """
    return "".join(
        char
        if char.isprintable() or unicodedata.category(char) == "Zs"
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def visible_lines(text: str) -> tuple[str, ...]:
    """The lines of ``text``, each made ``visible``; none for an empty text."""
    return tuple(visible(line) for line in text.split("\n")) if text else ()


def verdict(row: ParityRow) -> str:
    """``"rounding"`` for a row that passed, else ``"differs"``."""
    return "rounding" if row.passed else "differs"


def summary(report: ParityReport) -> str:
    """One line with the counts, e.g. ``36 compared, 36 within rounding`` or ``2 of 36 differ``."""
    total, failed = sum(row.count for row in report.rows), len(report.failures)
    if not total:
        return "nothing was compared"
    if failed:
        return f"{failed:,} of {total:,} {'differs' if failed == 1 else 'differ'}"
    return f"{total:,} compared, {total:,} within rounding"
