"""Every report says the same: times, ratios, who is missing, failed, or computes other numbers."""

import json
from xml.etree import ElementTree

import pytest

from parity.bench.report import table, write_reports
from parity.bench.report.rows import milliseconds
from tests.parity.bench.samples import measured, outcome, tiny

RAGGED = tiny("lstm", mask="ragged")


@pytest.fixture
def run():
    return measured(
        outcome("ours", 0.002, 0.003, note="native: because."),
        outcome("torch", 0.005, rise=2 << 20),
        outcome("torch-fused", failure="died with SIGSEGV"),
        outcome("ours", 0.004, note="scan: because.", configuration=RAGGED),
        outcome("torch", 0.003, values=[0.7], configuration=RAGGED),
        missing={"keras-jax": "jax not installed"},
        idle_shares={"torch": 0.4, "ours": 0.001},
    )


@pytest.fixture
def cliffs():
    plain, left, relu = tiny(), tiny(mask="left"), tiny(variant="relu")
    beside = {"ours": [0.002, 0.001, 0.002], "torch": [0.004]}

    def against(peer, *seconds, configuration):
        seconds_of_plain = {"plain_seconds": beside[peer]}
        return outcome(peer, *seconds, configuration=configuration, **seconds_of_plain)

    return measured(
        outcome("ours", 0.002, configuration=plain),
        outcome("torch", 0.004, configuration=plain),
        against("ours", 0.003, 0.001, 0.004, configuration=left),
        against("torch", 0.040, configuration=left),
        against("ours", 0.0025, configuration=relu),
        outcome("torch", failure="torch.nn.GRU has no such setting", configuration=relu),
        cliffs=True,
    )


SAID = (
    "keras-jax: not measured: jax not installed.",
    "torch-fused in gru 5, 7 × 3, unmasked, train: died with SIGSEGV.",
    "torch COMPUTES OTHER NUMBERS in lstm 5, 7 × 3, ragged, train: differs from ours by 2.0e-01.",
    "torch kept 40% of a core busy while it waited: the others are shown too slow.",
    "GEMM rate: 215 GFLOP/s.",
    "native: because.",
    "scan: because.",
)


def test_the_terminal_shows_everything(run):
    text = table(run)
    lines = text.splitlines()
    numbers = ["2.00", "2.50", "2.50", "0.1", "0%", "2.0", "3", "0"]
    assert lines[2].startswith("gru 5, 7 × 3, unmasked, train  ours ")
    assert lines[2].split()[-8:] == numbers
    assert lines[3].split() == ["torch", "5.00", "5.00", "1.00", "0.0", "0%", "2.0", "3", "2"]
    assert lines[4].split()[:5] == ["lstm", "5,", "7", "×", "3,"]
    for line in SAID:
        assert any(line in one for one in lines), line
    assert "ours kept" not in text
    assert "Machine: a <machine>" in lines


def test_a_terminal_without_the_characters_can_print_it(run):
    assert table(run, "ascii").isascii()


def test_the_document_names_the_command_and_everything_else(run, tmp_path):
    path = tmp_path / "docs" / "speed.md"
    write_reports(run, json=None, html=None, markdown=str(path))
    text = path.read_text()
    assert "```\npython -m parity bench --quick\n```" in text
    assert (
        "| gru 5, 7 × 3, unmasked, train | ours | 2.00 | 2.50 | 2.50 | 0.1 | 0% | 2.0 | 3 | 0 |"
        in text
    )
    assert "a &lt;machine&gt;" in text
    for line in SAID:
        plain = text.replace("\\", "")
        assert line in plain, line
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in rows} == {1, 2, 9}


def test_the_page_is_well_formed_and_has_a_chart_a_configuration(run, tmp_path):
    path = tmp_path / "speed.html"
    write_reports(run, json=None, html=str(path), markdown=None)
    text = path.read_text()
    root = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    bars = [one for one in root.iter() if one.tag == "rect"]
    assert len(list(root.iter("figure"))) == 2
    assert [bar.attrib["width"] for bar in bars] == ["70.4", "176.0", "176.0", "132.0"]
    seen = " ".join(root.itertext())
    for line in SAID:
        assert line in seen, line
    assert "http" not in text.replace("http-equiv", "")


def test_the_numbers_can_be_read_by_a_program(run, tmp_path):
    path = tmp_path / "speed.json"
    write_reports(run, json=str(path), html=None, markdown=None)
    found = json.loads(path.read_text())
    assert found["schema"] == 1
    assert found["gemm_gflops"] == pytest.approx(2 * 1024**3 / 0.01 / 1e9)
    ours, torch, fused = found["results"][:3]
    assert (ours["seconds"], ours["minimum"], ours["median"]) == ([0.002, 0.003], 0.002, 0.0025)
    assert (ours["speed"], torch["speed"], fused["speed"]) == (2.5, 1.0, None)
    assert fused["failure"] == "died with SIGSEGV"
    assert [one["differs"] != "" for one in found["results"]] == [False] * 4 + [True]
    assert found["missing"] == {"keras-jax": "jax not installed"}
    assert "text" not in ours["configuration"]


def test_accuracies_stand_side_by_side(tmp_path):
    epoch = tiny(workload="epoch", test_reviews=25_000)
    run = measured(
        outcome("ours", 2.0, accuracy=0.8512, configuration=epoch),
        outcome("torch", 3.0, configuration=epoch),
        outcome("keras-jax", 4.0, accuracy=0.85, configuration=epoch),
    )
    said = (
        "Accuracy in gru 5, 7 × 3, unmasked, epoch on 25,000 other reviews after 2 epochs over 13: "
        "ours 0.8512, keras-jax 0.8500."
    )
    assert said in table(run)
    path = tmp_path / "speed.json"
    write_reports(run, json=str(path), html=None, markdown=None)
    found = json.loads(path.read_text())["results"]
    assert [one["accuracy"] for one in found] == [0.8512, None, 0.85]


def test_a_cliff_is_what_a_setting_costs_its_own_peer(cliffs, tmp_path):
    lines = table(cliffs).splitlines()
    assert lines[0] == "gru 5, 7 × 3, train"
    assert lines[1].split() == ["setting", "ours", "torch"]
    assert [line.split() for line in lines[3:6]] == [
        ["plain", "2.00", "4.00"],
        ["left", "1.00", "(×", "1.50)", "40.0", "(×", "10.00)"],
        ["relu", "2.50", "(×", "1.25)", "–"],
    ]
    assert any("torch.nn.GRU has no such setting" in line for line in lines)
    paths = {kind: str(tmp_path / kind) for kind in ("json", "html", "markdown")}
    write_reports(cliffs, **paths)
    assert (
        "| left | 1.00 \\(× 1.50\\) | 40.0 \\(× 10.00\\) |" in (tmp_path / "markdown").read_text()
    )
    assert "40.0 (× 10.00)" in (tmp_path / "html").read_text()


def test_milliseconds():
    assert [milliseconds(one) for one in (None, 0.00123, 0.0123, 0.1234, 12.3)] == [
        "–", "1.23", "12.3", "123", "12300"
    ]  # fmt: skip
