"""The terminal table is aligned, complete, and coloured only where that is wanted."""

import io
import re
import sys

import pytest

from parity.report import parity_table
from parity.report.terminal import cell_count
from parity.results import ParityError, ParityReport
from tests.parity.report.samples import failing, passing

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


class Stream(io.TextIOWrapper):
    """A stream in memory that says what it is told to say about being a terminal."""

    def __init__(self, terminal, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding)
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "211")


def test_columns_line_up(holds):
    header, rule, *rows, blank, closing = parity_table(holds, Stream(False)).split("\n")
    for row in rows:
        assert row.index("float32") == header.index("dtype")
        assert row.index("1.25e-07") + 8 == header.index("max |Δ|") + 7
        assert row.endswith("rounding")
    assert len(rule) == max(map(len, rows))
    assert (blank, closing) == ("", "3 compared, 3 within rounding")


def test_wide_characters_line_up():
    report = ParityReport((passing(case="隠れ層"), passing(case="e\u0301tats")))
    rows = parity_table(report, Stream(False)).split("\n")[2:4]
    assert len({cell_count(row[: row.index("probabilities")]) for row in rows}) == 1


def test_a_failure_has_its_detail_beneath(broken):
    lines = parity_table(broken, Stream(False)).split("\n")
    at = next(index for index, line in enumerate(lines) if line.startswith("lstm, masked"))
    assert lines[at].endswith("differs")
    assert lines[at + 1 : at + 3] == ["  First differs at time 3.", "  Table row: kernel."]
    assert lines[-1] == "2 of 3 differ"


def test_a_failure_of_a_grid_says_how_to_try_it_again(monkeypatch):
    """Once a case, beneath its last failure, and it is Python that does so."""
    name = "lstm, 'masked'\n"
    report = ParityReport((failing(case=name), failing(case=name), passing(case="rnn")))
    lines = parity_table(report, Stream(False), from_grid=True).split("\n")
    assert parity_table(report, Stream(False)).split("\n") == lines[:8] + lines[11:]
    tried = []
    monkeypatch.setattr("parity.suite.find_case", lambda case: case)
    monkeypatch.setattr("parity.suite.run_case", lambda case: tried.append(case) or report)
    with pytest.raises(ParityError, match="differ by nan"):
        exec("\n".join(line.removeprefix("    ") for line in lines[8:11]))
    assert tried == [name]


def test_an_empty_report_is_one_line(empty):
    assert parity_table(empty, Stream(False)) == "nothing was compared"


@pytest.mark.parametrize(
    ("terminal", "variables", "coloured"),
    [
        pytest.param(True, {}, True, id="terminal"),
        pytest.param(False, {}, False, id="pipe"),
        pytest.param(True, {"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param(True, {"NO_COLOR": ""}, True, id="NO_COLOR empty"),
        pytest.param(True, {"TERM": "dumb"}, False, id="dumb"),
    ],
)
def test_colours(broken, monkeypatch, terminal, variables, coloured):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = parity_table(broken, Stream(terminal))
    assert bool(ESCAPE.search(text)) == coloured
    assert ESCAPE.sub("", text) == parity_table(broken, Stream(False))


@pytest.mark.parametrize("terminal", [True, False])
def test_narrow_output_loses_nothing(broken, monkeypatch, terminal):
    monkeypatch.setenv("COLUMNS", "23")
    text = ESCAPE.sub("", parity_table(broken, Stream(terminal)))
    wide = parity_table(broken, Stream(False))
    assert set(wide.split()) - {"case"} <= set(text.replace("\n", " ").split()) | {
        wide.split("\n")[1]
    }


def test_a_narrow_terminal_stacks_the_case_above_its_rows(holds, monkeypatch):
    monkeypatch.setenv("COLUMNS", "67")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = parity_table(ParityReport((passing("c" * 31), passing("c" * 31))), Stream(True)).split(
        "\n"
    )
    assert lines.count("c" * 31) == 1
    assert max(map(len, lines)) <= 67


def test_a_hostile_name_cannot_steer_the_terminal(broken):
    assert "\x1b" not in parity_table(broken, Stream(False))
    assert r"\x1b[31m" in parity_table(broken, Stream(False))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_can_print_it(encoding):
    report = ParityReport((passing(case="隠れ"), failing(detail="|Δ| at 隠れ")))
    stream = Stream(False, encoding)
    print(parity_table(report, stream), file=stream, flush=True)


def test_a_stream_without_an_encoding(holds):
    assert parity_table(holds, io.StringIO()) == parity_table(holds, Stream(False))


def test_standard_output_is_the_default(holds, capsys):
    assert parity_table(holds) == parity_table(holds, Stream(False))
    assert not sys.stdout.isatty()
