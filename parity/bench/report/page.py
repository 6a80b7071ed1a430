"""The run as one web page with charts, which loads nothing and runs no script."""

from collections.abc import Sequence

from parity.bench.peers import is_ours
from parity.bench.report.bars import Bar, bar_chart
from parity.bench.report.rows import (
    CLIFFS_NOTE,
    EXPLANATIONS,
    HEADER,
    WORDS,
    cliffs,
    gemm_line,
    legend,
    milliseconds,
    remarks,
    rows,
    sentences,
)
from parity.bench.results import Measured, Outcome
from parity.bench.statistics import minimum
from parity.report.html import document, facts_list
from parity.report.markup import escaped

TITLE = "Speed"


def page(measured: Measured) -> str:
    """The whole document."""
    notes = "".join(f'<p class="note">{escaped(line)}</p>' for line in EXPLANATIONS)
    if measured.cliffs:
        tables = [
            f"<section><h2>{escaped(title)}</h2>{_table(header, found, words=1)}</section>"
            for title, header, found in cliffs(measured)
        ]
        tables.append(f'<p class="note">{escaped(CLIFFS_NOTE)}</p>')
    else:
        body = _table(HEADER, rows(measured), words=WORDS)
        tables = [_charts(measured), f"<section><h2>Times</h2>{body}{notes}</section>"]
    peers = _table(("peer", "what it is"), legend(measured), words=2)
    engines = _table(("peer", "its sentence", "configurations"), sentences(measured), words=3)
    said = "".join(f"<li>{escaped(line)}</li>" for line in remarks(measured))
    return document(
        TITLE,
        (
            f'<header class="pass"><h1>{TITLE}</h1>'
            f'<p class="headline">{escaped(gemm_line(measured))}</p></header>',
            facts_list(measured.facts),
            *tables,
            f"<section><h2>Peers</h2>{peers}</section>",
            f"<section><h2>Which engine ran</h2>{engines}</section>" if engines else "",
            f"<section><h2>Remarks</h2><ul>{said}</ul></section>" if said else "",
        ),
    )


def _charts(measured: Measured) -> str:
    """A chart a configuration."""
    figures = "".join(
        bar_chart(configuration.name, bars(outcomes))
        for configuration, outcomes in measured.by_configuration()
    )
    note = '<p class="note">Milliseconds, the minimum of all repetitions: shorter is faster.</p>'
    return f'<section><h2>Charts</h2>{note}<div class="figures">{figures}</div></section>'


def bars(outcomes: Sequence[Outcome]) -> list[Bar]:
    """A bar for every peer that ran."""
    return [
        Bar(one.peer, minimum(one), f"{milliseconds(minimum(one))} ms", is_ours(one.peer))
        for one in outcomes
        if one.seconds
    ]


def _table(header: Sequence[str], found: Sequence[Sequence[str]], words: int) -> str:
    """A table whose first columns are words and whose others are numbers; empty without rows."""
    if not found:
        return ""
    kinds = ["" if index < words else ' class="number"' for index in range(len(header))]

    def cells(first: str, others: str, texts: Sequence[str]) -> str:
        tags = [first, *[others] * (len(texts) - 1)]
        triples = zip(tags, kinds, texts, strict=True)
        return "".join(f"<{tag}{kind}>{escaped(text)}</{tag}>" for tag, kind, text in triples)

    head = f"<thead><tr>{cells('th', 'th', header)}</tr></thead>"
    body = "".join(f"<tr>{cells('th', 'td', row)}</tr>" for row in found)
    return f'<div class="scroll"><table class="overview">{head}<tbody>{body}</tbody></table></div>'
