"""What a run looks like: in a terminal, as JSON, in a browser, in the documents."""

from parity.bench.report.files import write_reports
from parity.bench.report.terminal import table

__all__ = ["table", "write_reports"]
