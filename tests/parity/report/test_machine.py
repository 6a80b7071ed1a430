"""JSON is strict, JUnit parses and counts right, Markdown stays literal."""

import json
import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from parity.report import markdown, write_json, write_junit
from parity.results import ParityReport
from tests.parity.report.samples import HOSTILE, failing, passing


def strict(literal):
    raise AssertionError(f"{literal} is not JSON")


def test_json_round_trip(tmp_path, broken):
    write_json(tmp_path / "new" / "r.json", broken)
    document = json.loads((tmp_path / "new" / "r.json").read_text("utf-8"), parse_constant=strict)
    assert (document["passed"], document["compared"], document["failed"]) == (False, 3, 2)
    assert document["rows"][0]["max_difference"] == 1.25e-7
    assert math.isnan(float(document["rows"][1]["max_difference"]))
    assert document["rows"][2]["case"] == HOSTILE


@pytest.mark.parametrize(
    ("value", "name"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_json_names_what_it_cannot_hold(tmp_path, value, name):
    write_json(tmp_path / "r.json", ParityReport((passing(difference=value),)))
    document = json.loads((tmp_path / "r.json").read_text(), parse_constant=strict)
    assert document["rows"][0]["max_difference"] == name


def junit(path, report) -> Any:
    write_junit(path, report)
    root: Any = ElementTree.parse(path).getroot()
    suite = root.find("testsuite")
    for element in (root, suite):
        assert int(element.get("tests")) == len(suite.findall("testcase"))
        assert int(element.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(element.get("errors")) == len(suite.findall("testcase/error"))
    return suite


def test_junit_passing(tmp_path, holds):
    suite = junit(tmp_path / "r.xml", holds)
    assert suite.get("failures") == "0"
    assert [case.get("classname") for case in suite] == ["gru, 2 layers", "gru, 2 layers", "rnn"]
    assert suite[1].get("name") == "sequence (float32)"
    assert suite[0].findtext("system-out") == "max |Δ| 1.25e-07, allowed 1.00e-06"


def test_junit_failing(tmp_path, broken):
    suite = junit(tmp_path / "r.xml", broken)
    failure = suite[1].find("failure")
    assert failure.get("message") == "max |Δ| NaN, allowed 1.00e-12"
    assert failure.text == "First differs at time 3.\nTable row: kernel."
    assert r"\x00\x1b[31m" in suite[2].get("classname")


def test_junit_failure_without_detail_has_a_text(tmp_path):
    suite = junit(tmp_path / "r.xml", ParityReport((failing(detail=""),)))
    assert suite[0].findtext("failure") == "max |Δ| NaN, allowed 1.00e-12"


def test_junit_numbers_repeated_names(tmp_path):
    suite = junit(tmp_path / "r.xml", ParityReport((passing(), passing(), passing("rnn"))))
    assert [case.get("name") for case in suite] == [
        "probabilities (float32)",
        "probabilities (float32) #2",
        "probabilities (float32)",
    ]


def test_junit_of_nothing_is_an_error(tmp_path, empty):
    suite = junit(tmp_path / "r.xml", empty)
    assert suite[0].find("error").get("message") == "nothing was compared"


def test_markdown_passing(holds):
    text = markdown(holds)
    assert text.startswith("### ✅ Parity holds: 3 compared, 3 within rounding\n")
    assert "differs" not in text
    assert len(re.findall(r"^\| .* \| rounding \|$", text, re.M)) == 3


def test_markdown_failing_comes_first_and_is_literal(broken):
    text = markdown(broken)
    assert text.startswith("### ❌ Parity does not hold: 2 of 3 differ\n")
    assert text.index("**differs**") < text.index("<details>")
    assert "First differs at time 3.<br>Table row: kernel." in text
    assert "<script" not in text
    for line in text.split("\n"):
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 7


def test_markdown_of_nothing(empty):
    assert markdown(empty).startswith("### ❌ Parity does not hold: nothing was compared")
