"""The reports as files, each written whole or not at all."""

import json as json_format
from typing import Any

from birnn_lightning.files import atomic_write
from parity.bench.report.markdown import page as markdown_page
from parity.bench.report.page import page as html_page
from parity.bench.results import Measured
from parity.bench.statistics import (
    disagreements,
    fastest_peer,
    gemm_rate,
    middle,
    minimum,
    rate,
    speed,
)

JSON_SCHEMA = 1


def write_reports(
    measured: Measured, *, json: str | None, html: str | None, markdown: str | None
) -> None:
    """Writes the files that are asked for.

    Raises:
        OSError: one cannot be written; an existing one is then untouched.
    """
    if json:
        text = json_format.dumps(document(measured), indent=2, allow_nan=False)
        atomic_write(json, text + "\n")
    if html:
        atomic_write(html, html_page(measured))
    if markdown:
        atomic_write(markdown, markdown_page(measured))


def document(measured: Measured) -> dict[str, Any]:
    """Every number as primitives; ``schema`` is the version of these keys."""
    results = []
    for configuration, outcomes in measured.by_configuration():
        peer, differing = fastest_peer(outcomes), disagreements(outcomes)
        settings = configuration.to_config()
        settings.pop("text")  # a temporary file
        for one in outcomes:
            results.append(
                {
                    "peer": one.peer,
                    "configuration": settings,
                    "seconds": one.seconds,
                    "minimum": minimum(one),
                    "median": middle(one),
                    "speed": speed(one, peer),
                    "gflops": rate(one),
                    "build_seconds": one.build,
                    "first_seconds": one.first,
                    "parameters": one.parameters,
                    "peak_bytes": one.peak,
                    "rise_bytes": one.rise,
                    "accuracy": one.accuracy,
                    "note": one.note,
                    "failure": one.failure,
                    "differs": differing.get(one.peer, ""),
                }
            )
    return {
        "schema": JSON_SCHEMA,
        **measured.extra(),
        "gemm_gflops": gemm_rate(measured.gemm),
        "results": results,
    }
