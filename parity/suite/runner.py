"""Many cases run in several processes, and a run that was interrupted goes on where it stopped."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict

from tqdm import tqdm

from parity.journal import Journal, made_by
from parity.parallel import in_processes
from parity.results import ParityReport, ParityRow, ParityUnavailable, failed_row
from parity.suite.cases import Case
from parity.suite.layer_cases import LayerCase

AnyCase = Case | LayerCase


def run_case(case: AnyCase) -> ParityReport:
    """Compares one case with its twin."""
    if isinstance(case, LayerCase):
        from parity.suite.trial import run_trial

        return run_trial(case)
    from parity.comparison import compare
    from parity.convert import to_keras

    model = case.build()
    return compare(model, to_keras(model, mask_input=case.explicit_mask), case=case.name)


def run_suite(
    cases: Sequence[AnyCase], jobs: int = 1, journal: str | os.PathLike[str] | None = None
) -> ParityReport:
    """Runs every case and shows a progress bar on a terminal.

    Args:
        cases: of different names.
        jobs: processes; 1 runs the cases in this one.
        journal: a file to which each result is appended; cases that it holds are not run again.

    Returns:
        The rows of all cases, in the order of the cases. A case that ends with an exception is a
        row that failed, unless ``jobs`` is 1: then it is raised.

    Raises:
        ParityUnavailable: the journal was written by other code, or is no journal.
    """
    book = Journal(journal, made_by()) if journal else None
    done = read_reports(book) if book else {}
    waiting = [case for case in cases if case.name not in done]
    with tqdm(
        total=len(cases), initial=len(cases) - len(waiting), disable=None, unit="case"
    ) as bar:
        for name, report in _results(waiting, jobs):
            done[name] = report
            if book:
                book.append({"case": name, "rows": [asdict(row) for row in report.rows]})
            bar.update()
    return ParityReport(tuple(row for case in cases for row in done[case.name].rows))


def _results(cases: Sequence[AnyCase], jobs: int) -> Iterator[tuple[str, ParityReport]]:
    """Name and report of each case, as they are ready."""
    if jobs == 1 or len(cases) < 2:
        yield from ((case.name, run_case(case)) for case in cases)
        return
    for case, future in in_processes(run_case, cases, jobs):
        yield case.name, _report(case.name, future)


def _report(name: str, future: "Future[ParityReport]") -> ParityReport:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ParityUnavailable):
        raise error
    return ParityReport((failed_row(name, error),))


def read_reports(book: Journal) -> dict[str, ParityReport]:
    """The reports of a grid's journal by case.

    Raises:
        ParityUnavailable: it was written by other code, or is no journal of a grid.
    """
    try:
        return {
            entry["case"]: ParityReport(tuple(ParityRow(**row) for row in entry["rows"]))
            for entry in book.read()
        }
    except (KeyError, TypeError) as error:
        raise ParityUnavailable(f"{book.path} is a damaged journal: {error}") from None
