"""The run as a page of the documents, with everything needed to repeat it."""

from collections.abc import Sequence

from parity.bench.report.rows import (
    CLIFFS_NOTE,
    EXPLANATIONS,
    HEADER,
    WORDS,
    cliffs,
    gemm_line,
    legend,
    remarks,
    rows,
    sentences,
)
from parity.bench.results import Measured
from parity.report.machine import markdown_text


def page(measured: Measured) -> str:
    """The whole document."""
    lines = ["# Speed", "", "Written by the benchmark itself:", ""]
    lines += ["```", measured.facts.get("Command", ""), "```", ""]
    facts = [(name, value) for name, value in measured.facts.items() if name != "Command"]
    lines += [*_table(("", ""), facts, words=2), ""]
    lines += [markdown_text(gemm_line(measured)), ""]
    lines += ["## Peers", "", *_table(("peer", "what it is"), legend(measured), words=2), ""]
    if measured.cliffs:
        lines += [
            "## Cliffs",
            "",
            markdown_text(CLIFFS_NOTE),
            "",
        ]
        for title, header, found in cliffs(measured):
            lines += [f"### {markdown_text(title)}", "", *_table(header, found, words=1), ""]
    else:
        lines += ["## Times", "", *_table(HEADER, rows(measured), words=WORDS), ""]
        lines += [*(f"- {markdown_text(line)}" for line in EXPLANATIONS), ""]
    engines = sentences(measured)
    if engines:
        header = ("peer", "its sentence", "configurations")
        lines += ["## Which engine ran", "", *_table(header, engines, words=3), ""]
    if remarks(measured):
        lines += ["## Remarks", ""]
        lines += [*(f"- {markdown_text(line)}" for line in remarks(measured)), ""]
    return "\n".join(lines)


def _table(header: Sequence[str], found: Sequence[Sequence[str]], words: int) -> list[str]:
    """The lines of a table whose first columns are words and whose others are numbers."""
    rule = ["---" if index < words else "---:" for index in range(len(header))]
    texts = [[markdown_text(text) for text in row] for row in (header, *found)]
    lines = [f"| {' | '.join(row)} |" for row in texts]
    return [lines[0], f"| {' | '.join(rule)} |", *lines[1:]]
