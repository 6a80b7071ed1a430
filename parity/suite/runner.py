"""Many cases run in several processes, and a run that was interrupted goes on where it stopped."""

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tqdm import tqdm

from birnn_lightning.files import atomic_write
from parity.results import ParityReport, ParityRow, ParityUnavailable
from parity.suite.cases import Case
from parity.suite.layer_cases import LayerCase
from parity.versions import facts

AnyCase = Case | LayerCase
ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
}
"""Matrices this small are faster on one thread, and every process has its own."""


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
    book = Journal(journal) if journal else None
    done = book.read() if book else {}
    waiting = [case for case in cases if case.name not in done]
    with tqdm(
        total=len(cases), initial=len(cases) - len(waiting), disable=None, unit="case"
    ) as bar:
        for name, report in _results(waiting, jobs):
            done[name] = report
            if book:
                book.append(name, report)
            bar.update()
    return ParityReport(tuple(row for case in cases for row in done[case.name].rows))


def _results(cases: Sequence[AnyCase], jobs: int) -> Iterator[tuple[str, ParityReport]]:
    """Name and report of each case, as they are ready."""
    if jobs == 1 or len(cases) < 2:
        yield from ((case.name, run_case(case)) for case in cases)
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with _environment(ONE_THREAD):
        pool = ProcessPoolExecutor(jobs, mp_context=context)
        try:
            futures = {pool.submit(run_case, case): case.name for case in cases}
            for future in as_completed(futures):
                yield futures[future], _report(futures[future], future)
        finally:
            pool.shutdown(cancel_futures=True)


def _report(name: str, future: "Future[ParityReport]") -> ParityReport:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ParityUnavailable):
        raise error
    row = ParityRow(
        case=name,
        compared="nothing",
        dtype="",
        max_difference=float("nan"),
        allowed=0.0,
        passed=False,
        detail=f"{type(error).__name__}: {error}",
    )
    return ParityReport((row,))


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for the processes that start within."""
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Journal:
    """A file of results: a line that says what made them, then a line a case.

    Args:
        path: of the file; made with the first result.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Takes the path."""
        self.path = Path(path)

    def read(self) -> dict[str, ParityReport]:
        """The reports by case; empty where there is no file yet.

        Raises:
            ParityUnavailable: other code or versions wrote it, or it is no journal.
        """
        if not self.path.exists():
            return {}
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        try:
            header = json.loads(lines[0]) if lines else None
        except json.JSONDecodeError as error:
            raise ParityUnavailable(f"{self.path} is no journal of this program: {error}") from None
        if header != made_by():
            raise ParityUnavailable(
                f"{self.path} was written by other code or other versions, so its results do not "
                "count. Delete it, or name another file."
            )
        if not lines[-1].endswith("\n"):  # killed while it wrote this line
            atomic_write(self.path, "".join(lines[:-1]))
            del lines[-1]
        try:
            entries = [json.loads(line) for line in lines[1:]]
            return {
                entry["case"]: ParityReport(tuple(ParityRow(**row) for row in entry["rows"]))
                for entry in entries
            }
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ParityUnavailable(f"{self.path} is a damaged journal: {error}") from None

    def append(self, name: str, report: ParityReport) -> None:
        """Writes one case at the end, on a line of its own."""
        if not self.path.exists():
            atomic_write(self.path, json.dumps(made_by()) + "\n")
        line = json.dumps({"case": name, "rows": [asdict(row) for row in report.rows]})
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


@cache
def made_by() -> dict[str, str]:
    """What results depend on: the versions, the backend, and a hash of all our code."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for package in ("birnn_lightning", "parity"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    versions = {name: value for name, value in facts().items() if name != "Date"}
    return {**versions, "backend": os.environ.get("KERAS_BACKEND", ""), "code": digest.hexdigest()}
