"""Every result this project measures can be read: in a terminal, a browser, CI, or by a program."""

from birnn_lightning.files import atomic_write
from parity.report.classifier import ClassifierResult, EpochResult
from parity.report.html import write_html
from parity.report.machine import markdown, write_json, write_junit
from parity.report.terminal import parity_table

__all__ = [
    "ClassifierResult",
    "EpochResult",
    "atomic_write",
    "markdown",
    "parity_table",
    "write_html",
    "write_json",
    "write_junit",
]
