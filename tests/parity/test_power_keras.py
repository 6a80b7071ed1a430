"""``parity power`` prints what each mutant broke, and ends with 1 where one breaks nothing."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest

from parity.__main__ import main
from parity.suite import power
from parity.suite.mutants import MUTANTS

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

UNNOTICED = replace(MUTANTS["rnn bias dropped"], name="rnn bias kept", patch=nullcontext)


def test_power_ends_with_0_where_every_mutant_is_caught(tmp_path, capsys):
    path = tmp_path / "power.json"
    assert main(["power", "--only", "rnn b", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    names = ("rnn bias dropped", "rnn backpropagation truncated")
    for name in names:
        (line,) = (line for line in out.splitlines() if line.startswith(name))
        assert MUTANTS[name].case.name in line
    assert "forward and backward directions, first at time steps 0 and 6" in out
    assert "2 mutants, 2 caught; in float32 each is at least" in out
    found = json.loads(path.read_text())
    assert (found["mutants"], found["caught"]) == (2, 2)
    assert [row["mutant"] for row in found["rows"]] == list(names)
    bias, truncated = found["rows"]
    assert bias["place"].startswith("layer 'recurrent', output")
    assert bias["float32_times"] >= 100
    assert bias["max_difference"] > 1e3 * bias["allowed"] > 0
    assert truncated["place"].startswith("gradient of recurrent/forward_layer/cell/kernel")
    assert truncated["float32_times"] == 0


def test_a_mutant_that_is_not_caught_ends_with_1_and_is_named(monkeypatch, capsys):
    wanted = {UNNOTICED.name: UNNOTICED, "rnn bias dropped": MUTANTS["rnn bias dropped"]}
    monkeypatch.setattr(power, "MUTANTS", wanted)
    assert main(["power"]) == 1
    out = capsys.readouterr().out
    assert "2 mutants, 1 caught" in out
    lines = out.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith(UNNOTICED.name))
    assert lines[at + 1] == "  NOT CAUGHT: the bias is zero. Every comparison passes."
    assert out.count("NOT CAUGHT") == 1


def test_no_such_mutant_ends_with_2(capsys):
    assert main(["power", "--only", "nonsense"]) == 2
    assert "no mutant has 'nonsense' in its name" in capsys.readouterr().err


def test_json_holds_numbers_that_json_cannot(tmp_path):
    shapes = power.Catch(
        mutant="one",
        change="shapes",
        case="case",
        caught=True,
        place="layer 'recurrent', output",
        max_difference=float("nan"),
        allowed=1e-12,
        float32_times=0.0,
        detail="",
    )
    power.write_power(tmp_path / "power.json", [shapes])
    (row,) = json.loads((tmp_path / "power.json").read_text())["rows"]
    assert row["max_difference"] == "NaN"
    assert "NaN" in power.power_table([shapes])
