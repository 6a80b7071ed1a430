"""A run of many cases keeps their order, survives an interruption and a case that ends badly."""

import json
import os
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest

from parity import ParityReport, ParityRow, ParityUnavailable
from parity.journal import Journal, made_by
from parity.suite import runner
from parity.suite.runner import read_reports, run_suite


@dataclass(frozen=True)
class FakeCase:
    """A case that needs no Keras."""

    name: str
    difference: float = 1e-13


def fake(name: str, difference: float = 1e-13) -> Any:
    return FakeCase(name, difference)


CASES = [fake("one", 1e-13), fake("two", 3e-13), fake("three", 2e-13)]


def report_of(case):
    rows = [
        ParityRow(
            case=case.name,
            compared=compared,
            dtype="float64",
            max_difference=case.difference,
            allowed=1e-12,
            passed=True,
        )
        for compared in ("outputs", "gradients")
    ]
    return ParityReport(tuple(rows))


def report_or_error(case):
    """Like `report_of`, in a process of its own; the case's name says how it ends."""
    if case.name == "bad":
        raise ArithmeticError("the case is bad")
    if case.name == "untried":
        raise ParityUnavailable("Keras with a backend is needed.")
    if case.name == "threads":
        row = replace(report_of(case).rows[0], detail=str([os.environ[v] for v in THREADS]))
        return ParityReport((row,))
    return report_of(case)


THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@pytest.fixture
def ran(monkeypatch):
    """Names of the cases that run, instead of a comparison with Keras."""
    names = []

    def run_case(case):
        names.append(case.name)
        return report_or_error(case)

    monkeypatch.setattr(runner, "run_case", run_case)
    return names


class Spread(NamedTuple):
    """What a run in two processes left behind."""

    report: ParityReport
    journal: dict[str, ParityReport]
    environment: tuple[dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """Good cases, one that raises, and one that tells of its threads, in two processes."""
    book = tmp_path_factory.mktemp("spread") / "journal.jsonl"
    cases = [CASES[0], fake("bad"), *CASES[1:], fake("threads")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "run_case", report_or_error)
        patch.setenv("OMP_NUM_THREADS", "3")
        patch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        before = dict(os.environ)
        report = run_suite(cases, jobs=2, journal=book)
        return Spread(report, reports(book), (before, dict(os.environ)))


def reports(book):
    return read_reports(Journal(book, made_by()))


@pytest.fixture
def book(tmp_path):
    return tmp_path / "journal.jsonl"


def test_the_rows_are_those_of_the_cases_in_their_order(ran):
    rows = run_suite(CASES).rows
    assert rows == tuple(row for case in CASES for row in report_of(case).rows)
    assert ran == ["one", "two", "three"]


def test_several_processes_give_the_same_rows_in_the_same_order(spread, ran):
    good = [row for row in spread.report.rows if row.case not in ("bad", "threads")]
    assert tuple(good) == run_suite(CASES).rows
    assert list(dict.fromkeys(row.case for row in spread.report.rows)) == [
        "one",
        "bad",
        "two",
        "three",
        "threads",
    ]


def test_a_case_that_raises_fails_and_the_others_run(spread):
    assert not spread.report.passed
    (failure,) = spread.report.failures
    assert failure.case == "bad"
    assert failure.detail == "ArithmeticError: the case is bad"


def test_several_processes_write_the_journal_too(spread):
    assert spread.journal.keys() == {"one", "two", "three", "bad", "threads"}
    assert [spread.journal[case.name] for case in CASES] == [report_of(case) for case in CASES]
    assert spread.journal["bad"].failures[0].detail == "ArithmeticError: the case is bad"


def test_each_process_has_one_thread_and_this_one_keeps_its_own(spread):
    assert spread.report.rows[-1].detail == "['1', '1', '1']"
    before, after = spread.environment
    assert before == after


def test_what_cannot_be_tried_ends_the_run(monkeypatch):
    monkeypatch.setattr(runner, "run_case", report_or_error)
    with pytest.raises(ParityUnavailable, match="Keras with a backend is needed"):
        run_suite([fake("untried"), CASES[0]], jobs=2)


def test_a_case_that_raises_in_this_process_is_raised(ran):
    with pytest.raises(ArithmeticError, match="the case is bad"):
        run_suite([CASES[0], fake("bad"), CASES[1]])


def test_a_journal_holds_a_line_a_case_and_spares_running_it_again(ran, book):
    first = run_suite(CASES[:2], journal=book)
    header, *lines = [json.loads(line) for line in book.read_text().splitlines()]
    assert header == made_by()
    assert [line["case"] for line in lines] == ["one", "two"]
    again = run_suite(CASES, journal=book)
    assert ran == ["one", "two", "three"]
    assert again.rows[:4] == first.rows
    assert again == run_suite(CASES)
    assert len(book.read_text().splitlines()) == 4


def test_an_interrupted_run_goes_on(monkeypatch, ran, book):
    with pytest.raises(ArithmeticError):
        run_suite([CASES[0], fake("bad"), CASES[1]], journal=book)
    assert list(reports(book)) == ["one"]
    assert run_suite(CASES, journal=book) == run_suite(CASES)
    assert ran[:4] == ["one", "bad", "two", "three"]


def test_a_line_cut_short_is_run_again(ran, book):
    whole = run_suite(CASES, journal=book)
    book.write_bytes(book.read_bytes()[:-7])
    assert list(reports(book)) == ["one", "two"]
    assert run_suite(CASES, journal=book) == whole
    assert ran == ["one", "two", "three", "three"]
    assert len(book.read_text().splitlines()) == 4


def test_there_is_no_journal_yet(book):
    assert reports(book) == {}
    assert not book.exists()


def test_a_journal_of_other_code_is_refused_in_one_line(ran, book):
    run_suite(CASES, journal=book)
    header, *lines = book.read_text().splitlines()
    book.write_text("\n".join([header.replace(made_by()["code"], "0" * 64), *lines]) + "\n")
    before = book.read_bytes()
    with pytest.raises(ParityUnavailable, match="was written by other code") as refused:
        run_suite(CASES, journal=book)
    assert str(book) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert book.read_bytes() == before
    assert ran == ["one", "two", "three"]


def test_a_journal_of_another_backend_is_refused(ran, book, monkeypatch):
    run_suite(CASES, journal=book)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    made_by.cache_clear()
    with pytest.raises(ParityUnavailable, match="was written by other code, other versions"):
        run_suite(CASES, journal=book)
    made_by.cache_clear()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no journal\n",
        '{"code": "1"}\nno json\n',
        '{"code": "1"}\n{"case": "one"}\n',
        '{"code": "1"}\n[3]\n',
        '{"code": "1"}\n{"case": "one", "rows": [{"length": 3}]}\n',
        '{"code": "1"}\n{"case": "one", "rows": 3}\n',
        "7\n",
    ],
)
def test_another_file_is_refused_and_left_alone(content, book):
    book.write_text(content)
    with pytest.raises(ParityUnavailable, match=r"is no journal of this program|by other code"):
        reports(book)
    assert book.read_text() == content


@pytest.mark.parametrize("content", ["one line of notes", '{"passed": true}', "[1,\n2]"])
def test_a_file_that_is_no_journal_loses_nothing(content, book):
    book.write_text(content)
    with pytest.raises(ParityUnavailable):
        reports(book)
    assert book.read_text() == content
