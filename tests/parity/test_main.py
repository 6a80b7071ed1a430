"""The program without a framework that it needs: exit status 2 and one line that says which."""

import importlib.util
import subprocess
import sys

import pytest

import parity
from parity.__main__ import main


def run(*options):
    command = [sys.executable, "-m", "parity", *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_without_keras_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "parity.keras_model", raising=False)
    monkeypatch.delattr(parity, "keras_model", raising=False)
    assert main(["check"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("birnn-parity: error: Keras with a backend is needed: ")
    assert captured.err.endswith("pip install 'birnn-lightning[parity]'.\n")
    assert captured.err.count("\n") == 1


def test_processes_are_counted_from_one(capsys):
    assert main(["check", "--jobs", "0"]) == 2
    error = capsys.readouterr().err
    assert error == "birnn-parity: error: --jobs must be at least 1; got 0.\n"


@pytest.mark.skipif(
    importlib.util.find_spec("jax") is not None, reason="JAX is installed, so it is not missing"
)
def test_a_backend_that_is_missing_ends_with_2_and_one_line():
    done = run("check", "--backend", "jax")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("birnn-parity: error: ")
    assert done.stderr.count("\n") == 1


def test_help_names_the_exit_statuses():
    done = run("check", "--help")
    assert done.returncode == 0
    assert "Exit status 0: parity holds; 1: it does not; 2" in " ".join(done.stdout.split())
