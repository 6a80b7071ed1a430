"""Counts, metrics and parity rows become HTML tables that a screen reader can walk through."""

from collections.abc import Sequence

from parity.report.classifier import ClassifierResult
from parity.report.markup import escaped
from parity.report.wording import duration, metric, number, verdict
from parity.results import ParityRow

WIDE_MATRIX = 6  # from this many classes on, a matrix gets a row of the page and narrow columns
UPRIGHT_NAME = 5  # longer names of more than two classes are written upwards above the columns


def parity_rows(rows: Sequence[ParityRow], *, label: str) -> str:
    """A table of comparisons; a failure's detail lies in a row beneath it."""
    body = []
    previous = None
    for row in rows:
        repeated = " same" if row.case == previous else ""
        previous = row.case
        badge = "pass" if row.passed else "fail"
        body.append(
            f'<tr><td class="case{repeated}">{escaped(row.case)}</td>'
            f'<td class="compared">{escaped(row.compared)}</td><td>{escaped(row.dtype)}</td>'
            f'<td class="number">{number(row.max_difference)}</td>'
            f'<td class="number allowed">{number(row.allowed)}</td>'
            f'<td class="verdict"><span class="badge {badge}">{verdict(row)}</span></td></tr>'
        )
        if row.detail and not row.passed:
            body.append(f'<tr class="detail"><td colspan="6">{escaped(row.detail)}</td></tr>')
    return (
        f'<table class="parity" aria-label="{escaped(label)}"><thead><tr><th scope="col">case</th>'
        '<th scope="col">compared</th><th scope="col">dtype</th>'
        '<th scope="col" class="number">max |Δ|</th><th scope="col" class="number">allowed</th>'
        f'<th scope="col">verdict</th></tr></thead><tbody>{"".join(body)}</tbody></table>'
    )


def overview(classifiers: Sequence[ClassifierResult]) -> str:
    """A table with one row per classifier and one column per metric that any of them has."""
    names = list(dict.fromkeys(name for result in classifiers for name in result.test_metrics))
    heads = "".join(
        f'<th scope="col" class="number">{escaped(name.replace("_", " "))}</th>' for name in names
    )
    body = []
    for result in classifiers:
        metrics = "".join(
            '<td class="number">'
            + (metric(result.test_metrics[name]) if name in result.test_metrics else "–")
            + "</td>"
            for name in names
        )
        body.append(
            f'<tr><th scope="row">{escaped(result.name)}</th>{metrics}'
            f'<td class="number">{result.parameters:,}</td>'
            f'<td class="number">{duration(result.seconds)}</td></tr>'
        )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Test metrics">'
        f'<table class="overview"><thead><tr><th scope="col">classifier</th>{heads}'
        '<th scope="col" class="number">parameters</th><th scope="col" class="number">training</th>'
        f"</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def confusion_matrix(result: ClassifierResult) -> str:
    """A ``<figure>`` with counts, shaded by share of the true class; empty without classes."""
    classes = len(result.class_names)
    if not classes:
        return ""
    upwards = classes >= WIDE_MATRIX or (
        classes > 2 and max(map(len, result.class_names)) > UPRIGHT_NAME
    )
    heads = "".join(
        f'<th scope="col"><span>{escaped(name)}</span></th>' for name in result.class_names
    )
    body = []
    for index, (name, counts) in enumerate(zip(result.class_names, result.confusion, strict=True)):
        axis = f'<th rowspan="{classes}" class="axis"><span>true</span></th>' if index == 0 else ""
        cells = "".join(
            confusion_cell(count, sum(counts), index == column)
            for column, count in enumerate(counts)
        )
        body.append(f'<tr>{axis}<th scope="row">{escaped(name)}</th>{cells}</tr>')
    wide = " wide" if classes >= WIDE_MATRIX else ""
    return (
        f'<figure class="confusion{wide}"><figcaption>Confusion matrix (test set)</figcaption>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">'
        f'<table class="matrix{" upwards" if upwards else ""}"><thead>'
        f'<tr><td colspan="2"></td><th colspan="{classes}" class="axis">predicted</th></tr>'
        f'<tr><td colspan="2"></td>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
        '<p class="note">Counts; the shade is the share of the true class (its row).</p></figure>'
    )


def confusion_cell(count: int, total: int, correct: bool) -> str:
    """One count, with its share of ``total`` as shade and as text when pointed at."""
    share = count / total if total else 0.0
    mark = ' class="correct"' if correct else ""
    return f'<td{mark} style="--share:{share:.3f}" title="{share:.1%} of the row">{count}</td>'
