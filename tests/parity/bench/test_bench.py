"""The whole command, tiny: processes, table, files and exit statuses."""

import json
import os
import signal
import subprocess
import sys

import pytest

from parity.__main__ import main
from tests.parity.bench.samples import FakeProcess

TINY = ("--cells", "gru", "--hidden", "5", "--time", "7", "--batch", "3", "--threads", "1")


def test_ours_and_torch_are_measured(tmp_path, capsys):
    files = {kind: str(tmp_path / f"speed.{kind}") for kind in ("json", "html", "markdown")}
    options = [f"--{kind}={path}" for kind, path in files.items()]
    masks = ("--masks", "ragged", "--workloads", "train,epoch", "--reviews", "5", "--epochs", "1")
    assert (
        main(["bench", *TINY, "--peers", "ours,torch", *masks, "--repetitions", "2", *options]) == 0
    )
    captured = capsys.readouterr()
    assert "gru 5, 7 × 3, ragged, train" in captured.out
    assert captured.err.startswith("[1/2] gru 5, 7 × 3, ragged, train: ours ")
    with open(files["json"]) as file:
        found = json.load(file)
    assert [len(one["seconds"]) for one in found["results"]] == [2, 2, 1, 1]
    assert found["gemm_gflops"] > 1
    ours, torch = found["results"][:2]
    assert ours["parameters"] == torch["parameters"] > 20_000 * 128
    assert ours["note"]
    assert ours["speed"] == pytest.approx(torch["minimum"] / ours["minimum"])
    assert all(one["peak_bytes"] > one["rise_bytes"] >= 0 for one in found["results"])
    assert all(one["differs"] == one["failure"] == "" for one in (ours, torch))
    with open(files["markdown"]) as file:
        assert file.read().startswith("# Speed\n")
    with open(files["html"]) as file:
        assert "<rect" in file.read()


@pytest.fixture
def faked(monkeypatch):
    """Makes the command start fake processes, each with what the test says of that peer."""

    def fake(**peers):
        def start(name, **place):
            return FakeProcess(name, [], **peers.get(name, {}))

        monkeypatch.setattr("parity.bench.command.start_peer", start)

    return fake


def test_equal_numbers_are_exit_status_0(faked, capsys):
    faked()
    assert main(["bench", *TINY, "--peers", "ours,torch", "--masks", "left"]) == 0
    assert "OTHER NUMBERS" not in capsys.readouterr().out


def test_other_numbers_are_exit_status_1(faked, capsys):
    faked(torch={"values": (0.6,)})
    options = ("--masks", "left", "--workloads", "train")
    assert main(["bench", *TINY, "--peers", "ours,torch", *options]) == 1
    said = "torch COMPUTES OTHER NUMBERS in gru 5, 7 × 3, left, train: differs from ours by 1.0e-01"
    assert said in capsys.readouterr().out


def test_a_peer_that_fails_changes_no_exit_status(faked, capsys):
    faked(torch={"fails_at": "ready"})
    assert main(["bench", *TINY, "--peers", "ours,torch", "--workloads", "infer"]) == 0
    assert ": no such framework." in capsys.readouterr().out


def test_nothing_measured_is_exit_status_2(faked, capsys):
    faked(torch={"fails_at": "ready"})
    assert main(["bench", *TINY, "--peers", "torch", "--workloads", "infer"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == (
        "birnn-parity: error: nothing could be measured (torch: no such framework)."
    )


@pytest.fixture
def interruptible():
    """Processes that are started meet SIGINT as at a terminal, also where the tests ignore it.

    A shell makes what it starts in the background ignore it, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_with_a_line_and_the_results(tmp_path):
    path = tmp_path / "speed.json"
    options = ["--workloads", "train", "--masks", "unmasked,ragged,left,interior"]
    options += ["--repetitions", "1000000"]
    command = [sys.executable, "-m", "parity", "bench", *TINY, "--peers", "torch", *options]
    with subprocess.Popen(
        [*command, "--seconds", "1", "--json", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("[1/4]")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "birnn-parity: interrupted.\n"
    assert "gru 5, 7 × 3, unmasked, train" in out
    assert len(json.loads(path.read_text())["results"][0]["seconds"]) >= 3
