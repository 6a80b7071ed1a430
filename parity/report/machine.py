"""Programs can read a parity report: strict JSON, JUnit XML for CI, Markdown for a summary."""

import json
import math
import os
import re
from collections import Counter
from html import escape
from xml.etree import ElementTree

from birnn_lightning.files import atomic_write
from parity.report.wording import number, summary, verdict, visible, visible_lines
from parity.results import ParityReport, ParityRow

JSON_SCHEMA = 1


def write_json(path: str | os.PathLike[str], report: ParityReport) -> None:
    """Writes the report as strict JSON, atomically.

    ``schema`` is the version of these keys. A number that JSON cannot hold becomes the string
    ``"NaN"``, ``"Infinity"`` or ``"-Infinity"`` (the convention of protobuf's JSON mapping, which
    Python's ``float()`` reads back).
    """
    document = {
        "schema": JSON_SCHEMA,
        "passed": report.passed,
        "compared": len(report.rows),
        "failed": len(report.failures),
        "rows": [
            {
                "case": row.case,
                "compared": row.compared,
                "dtype": row.dtype,
                "max_difference": json_number(row.max_difference),
                "allowed": json_number(row.allowed),
                "passed": row.passed,
                "detail": row.detail,
            }
            for row in report.rows
        ],
    }
    atomic_write(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def json_number(value: float) -> float | str:
    """``value``, or its name where JSON has no literal for it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def write_junit(path: str | os.PathLike[str], report: ParityReport) -> None:
    """Writes the report as JUnit XML, atomically: one testcase per row.

    The case is the class name, the tensor and dtype are the name; a repeated pair is numbered,
    because CI services merge testcases of the same name. An empty report becomes one error, for a
    check that compared nothing may not look green.
    """
    attributes = {
        "name": "parity",
        "tests": str(len(report.rows) or 1),
        "failures": str(len(report.failures)),
        "errors": "0" if report.rows else "1",
        "skipped": "0",
        "time": "0",
    }
    root = ElementTree.Element("testsuites", attributes)
    suite = ElementTree.SubElement(root, "testsuite", attributes)
    seen: Counter[tuple[str, str]] = Counter()
    for row in report.rows:
        name = f"{visible(row.compared)} ({visible(row.dtype)})"
        seen[row.case, name] += 1
        repeated = seen[row.case, name]
        add_testcase(suite, row, name if repeated == 1 else f"{name} #{repeated}")
    if not report.rows:
        case = ElementTree.SubElement(
            suite, "testcase", classname="parity", name=summary(report), time="0"
        )
        ElementTree.SubElement(case, "error", message=summary(report), type="ParityError")
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    atomic_write(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n')


def add_testcase(suite: ElementTree.Element, row: ParityRow, name: str) -> None:
    """Appends one row to ``suite``, with its numbers and, for a failure, its detail."""
    case = ElementTree.SubElement(
        suite, "testcase", classname=visible(row.case), name=name, time="0"
    )
    numbers = f"max |Δ| {number(row.max_difference)}, allowed {number(row.allowed)}"
    if row.passed:
        ElementTree.SubElement(case, "system-out").text = numbers
    else:
        failure = ElementTree.SubElement(case, "failure", message=numbers, type="ParityError")
        failure.text = "\n".join(visible_lines(row.detail)) or numbers


def markdown(report: ParityReport) -> str:
    """The report as GitHub-flavoured Markdown, e.g. for ``GITHUB_STEP_SUMMARY``.

    Failures come first, with their details; all rows follow in a fold.
    """
    sign = "✅ Parity holds" if report.passed else "❌ Parity does not hold"
    lines = [f"### {sign}: {summary(report)}", ""]
    if report.failures:
        lines += [*markdown_table(report.failures), ""]
        for row in report.failures:
            if row.detail:
                detail = "<br>".join(markdown_text(line) for line in row.detail.split("\n"))
                lines.append(
                    f"- **{markdown_text(row.case)}**, {markdown_text(row.compared)}: {detail}"
                )
        lines.append("")
    if report.rows:
        lines += [f"<details><summary>All {len(report.rows)} comparisons</summary>", ""]
        lines += [*markdown_table(report.rows), "", "</details>", ""]
    return "\n".join(lines)


def markdown_table(rows: tuple[ParityRow, ...]) -> list[str]:
    """The lines of a table with one line per row."""
    lines = [
        "| case | compared | dtype | max \\|Δ\\| | allowed | verdict |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for row in rows:
        words = " | ".join(markdown_text(text) for text in (row.case, row.compared, row.dtype))
        numbers = f"{number(row.max_difference)} | {number(row.allowed)}"
        word = verdict(row) if row.passed else f"**{verdict(row)}**"
        lines.append(f"| {words} | {numbers} | {word} |")
    return lines


def markdown_text(text: str) -> str:
    """``text`` on one line, with everything that Markdown or HTML would interpret made literal."""
    return re.sub(r"([\\`*_{}\[\]()#+\-!|~])", r"\\\1", escape(visible(text), quote=False))
