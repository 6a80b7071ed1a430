"""The tables as plain text, aligned."""

from parity.bench.report.rows import (
    CLIFFS_NOTE,
    EXPLANATIONS,
    HEADER,
    WORDS,
    cliffs,
    gemm_line,
    remarks,
    rows,
    sentences,
)
from parity.bench.results import Measured
from parity.report.terminal import aligned, encodable


def table(measured: Measured, encoding: str = "utf-8") -> str:
    """The whole report, without a newline at its end."""
    lines: list[str] = []
    if measured.cliffs:
        for title, header, found in cliffs(measured):
            lines += [title, *aligned([header, *found], numbers=len(header) - 1), ""]
        lines += [CLIFFS_NOTE, ""]
    else:
        found = rows(measured)
        lines += [*aligned([HEADER, *found], numbers=len(HEADER) - WORDS), "", *EXPLANATIONS, ""]
    lines.append(gemm_line(measured))
    lines += [f"{peer} in {where}: {note}" for peer, note, where in sentences(measured)]
    lines += remarks(measured)
    lines += ["", *(f"{name}: {value}" for name, value in measured.facts.items())]
    return "\n".join(encodable(line, encoding) for line in lines)
