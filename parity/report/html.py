"""One self-contained file shows what the classifiers learned and if they equal their twins."""

import math
import os
from collections.abc import Mapping, Sequence
from importlib import resources

from birnn_lightning.files import atomic_write
from parity.report.classifier import ClassifierResult
from parity.report.markup import escaped
from parity.report.svg import Series, line_chart
from parity.report.tables import confusion_matrix, overview, parity_rows
from parity.report.wording import duration, metric, summary
from parity.results import ParityReport

ANY_LOSS = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
LONG_FACT = 48  # longer facts get a line of the page to themselves


def write_html(
    path: str | os.PathLike[str],
    *,
    title: str,
    classifiers: Sequence[ClassifierResult],
    parity: ParityReport,
    facts: Mapping[str, str],
    figures: Sequence[str] = (),
) -> None:
    """Writes the report as one HTML file, atomically; it loads nothing and runs no script.

    Args:
        path: where the file goes; missing folders are created.
        title: the page's heading.
        classifiers: what was trained, in the order to show; may be empty.
        parity: what was compared.
        facts: how the results came about: versions, machine, command, date, seconds.
        figures: more charts (`parity.report.svg.line_chart`), shown before the comparisons.

    Raises:
        OSError: the file cannot be written; an existing one is then untouched.
    """
    whole = page(title=title, classifiers=classifiers, parity=parity, facts=facts, figures=figures)
    atomic_write(path, whole)


def page(
    *,
    title: str,
    classifiers: Sequence[ClassifierResult],
    parity: ParityReport,
    facts: Mapping[str, str],
    figures: Sequence[str] = (),
) -> str:
    """The whole document, well-formed as XML too."""
    return document(
        title,
        (
            header(title, parity),
            failures(parity),
            facts_list(facts),
            comparison(classifiers),
            *(classifier_section(result) for result in classifiers),
            figures_section(figures),
            parity_section(parity),
        ),
    )


def document(title: str, sections: Sequence[str]) -> str:
    """The sections that are not empty as one page in the project's style, well-formed as XML."""
    style = resources.files("parity.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        '<meta name="color-scheme" content="light dark"/>\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
        f"<title>{escaped(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def header(title: str, parity: ParityReport) -> str:
    """The heading with the verdict."""
    if parity.passed:
        word, state = "Parity holds", "pass"
    elif parity.rows:
        word, state = "Parity does not hold", "fail"
    else:
        word, state = "Parity is unknown", "fail"
    return (
        f'<header class="{state}"><h1>{escaped(title)}</h1>'
        f'<p class="headline"><span class="badge {state}">{word}</span> {summary(parity)}</p>'
        "</header>"
    )


def failures(parity: ParityReport) -> str:
    """The comparisons that failed, where nobody can overlook them; empty where all passed."""
    if not parity.failures:
        return ""
    table = parity_rows(parity.failures, label="What differs")
    return f"<section><h2>What differs</h2>{table}</section>"


def facts_list(facts: Mapping[str, str]) -> str:
    """How the results came about; empty without facts."""
    items = "".join(
        f'<div class="{"long" if len(value) > LONG_FACT else "short"}">'
        f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f'<section><h2>Facts</h2><dl class="facts">{items}</dl></section>' if items else ""


def comparison(classifiers: Sequence[ClassifierResult]) -> str:
    """All classifiers side by side; empty where there are fewer than two."""
    if len(classifiers) < 2:
        return ""
    charts = "".join(
        line_chart(
            title=title,
            y_label=y_label,
            series=[
                Series(name=result.name, points=points(result, attribute), style=index)
                for index, result in enumerate(classifiers)
            ],
            limits=limits,
        )
        for title, y_label, attribute, limits in (
            ("Training loss", "loss", "train_loss", ANY_LOSS),
            ("Validation loss", "loss", "val_loss", ANY_LOSS),
            ("Validation accuracy", "accuracy", "val_accuracy", SHARE),
        )
    )
    return (
        f"<section><h2>Side by side</h2>{overview(classifiers)}"
        f'<div class="figures">{charts}</div></section>'
    )


def classifier_section(result: ClassifierResult) -> str:
    """One classifier: its numbers, its learning curves, its confusion matrix."""
    losses = (
        Series(name="training", points=points(result, "train_loss"), style=0),
        Series(name="validation", points=points(result, "val_loss"), style=1),
    )
    accuracy = Series(name="validation", points=points(result, "val_accuracy"), style=1)
    charts = line_chart(title="Loss", y_label="loss", series=losses) + line_chart(
        title="Accuracy", y_label="accuracy", series=(accuracy,), limits=SHARE
    )
    return (
        f"<section><h2>{escaped(result.name)}</h2>{tiles(result)}"
        f'<div class="figures">{charts}{confusion_matrix(result)}</div></section>'
    )


def points(result: ClassifierResult, attribute: str) -> tuple[tuple[int, float], ...]:
    """The epochs of ``result``, each with that ``attribute`` of its ``EpochResult``."""
    return tuple((epoch.epoch, getattr(epoch, attribute)) for epoch in result.epochs)


def tiles(result: ClassifierResult) -> str:
    """The test metrics, the size and the training time as large numbers."""
    named = [
        (f"test {name.removeprefix('test_')}", metric(value))
        for name, value in result.test_metrics.items()
    ]
    named += [("parameters", f"{result.parameters:,}"), ("training", duration(result.seconds))]
    items = "".join(
        f"<div><dt>{escaped(name.replace('_', ' '))}</dt><dd>{value}</dd></div>"
        for name, value in named
    )
    return f'<dl class="tiles">{items}</dl>'


def figures_section(figures: Sequence[str]) -> str:
    """Further charts; empty where there are none."""
    return f'<section><div class="figures">{"".join(figures)}</div></section>' if figures else ""


def parity_section(parity: ParityReport) -> str:
    """Every comparison with its verdict."""
    if not parity.rows:
        body = '<p class="note">Nothing was compared.</p>'
    else:
        body = (
            '<p class="note">max |Δ| is the largest absolute difference between the two '
            "frameworks; allowed is the bound under which it is rounding.</p>"
            + parity_rows(parity.rows, label="Every comparison")
        )
    return f"<section><h2>Parity with Keras</h2>{body}</section>"
