"""``parity check`` ends with 0, 1 or 2, writes its reports, and says in one line what is wrong."""

import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import lightning
import pytest

from parity import check, to_keras
from parity.__main__ import main
from parity.suite.cases import Case
from parity.suite.mutants import MUTANTS

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs", "small_grid")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

CASES = (
    Case(cell="gru", num_layers=1),
    Case(cell="rnn", num_layers=1, inputs="features, lengths", dtype="float64"),
)


@pytest.fixture
def small_grid(monkeypatch):
    """The quick grid, two cases small, and no job summary of a real CI job."""
    monkeypatch.setattr(check, "grid", {"quick": CASES}.get)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture
def checkpoint(tmp_path):
    model = Case(cell="gru", num_layers=1).build()
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=tmp_path
    )
    trainer.strategy.connect(model)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    return tmp_path / "model.ckpt"


def one_line(capsys):
    """Standard error, which must be one line that says who speaks."""
    error = capsys.readouterr().err
    assert error.startswith("birnn-parity: error: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


def test_a_grid_that_passes_ends_with_0_and_writes_every_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "html")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    assert main(["check", "--jobs", "1", *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for case in CASES:
        assert case.name in captured.out
        assert case.name in files["html"].read_text()
        assert case.name in (tmp_path / "summary.md").read_text()
    assert json.loads(files["json"].read_text())["passed"] is True
    assert not list(ElementTree.parse(files["junit"]).iter("failure"))


def test_a_mutant_ends_with_1_and_the_reports_say_so(tmp_path, capsys):
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    with MUTANTS["gru bias rows reversed"].patch():
        assert main(["check", "--jobs", "1", *options]) == 1  # other processes have no mutant
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "bidirectional_1" in captured.out
    assert f"    case = find_case({CASES[0].name!r})" in captured.out
    assert json.loads(files["json"].read_text())["passed"] is False
    assert list(ElementTree.parse(files["junit"]).iter("failure"))


def test_a_checkpoint_of_ours(checkpoint, capsys):
    assert main(["check", str(checkpoint)]) == 0
    assert "model.ckpt" in capsys.readouterr().out


def test_a_keras_file(tmp_path, capsys):
    to_keras(CASES[0].build()).save(tmp_path / "theirs.keras")
    assert main(["check", str(tmp_path / "theirs.keras")]) == 0
    assert "theirs.keras" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("nowhere.ckpt", None, "nowhere.ckpt"),
        ("nowhere.keras", None, "model file not found"),
        ("bad.ckpt", b"no model", "bad.ckpt: no Keras file"),
        ("bad.keras", b"no model", "no Keras file. Supported"),
        ("bad.h5", b"no model", "no Keras file. Supported"),
        ("model.txt", b"no model", "no Keras file. Supported"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_2(name, content, text, tmp_path, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["check", str(tmp_path / name)]) == 2
    assert text in one_line(capsys)


def test_a_keras_file_with_an_unsupported_layer_ends_with_2(tmp_path, capsys):
    entry = keras.Input((None, 3))
    model = keras.Model(entry, keras.layers.Lambda(lambda v: v, name="filters")(entry))
    model.save(tmp_path / "theirs.keras")
    assert main(["check", str(tmp_path / "theirs.keras")]) == 2
    assert "layer 'filters' of class Lambda is not supported" in one_line(capsys)


def test_a_report_that_cannot_be_written_ends_with_2(tmp_path, capsys):
    assert main(["check", "--json", str(tmp_path)]) == 2
    assert str(tmp_path) in one_line(capsys)


@pytest.mark.parametrize(
    "options", [["--examples", "5"], ["model.ckpt", "--examples", "0"]], ids=str
)
def test_examples_need_a_model_and_a_number(options, capsys):
    assert main(["check", *options]) == 2
    assert "--examples needs a MODEL and a number of at least 1" in one_line(capsys)


def test_examples_need_the_data_of_the_run(checkpoint, capsys):
    assert main(["check", str(checkpoint), "--examples", "5"]) == 2
    assert "no config.yaml of its run" in one_line(capsys)


def test_an_interruption_ends_with_2(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "check_grid", interrupt)
    assert main(["check"]) == 2
    assert capsys.readouterr().err == "birnn-parity: interrupted.\n"


def test_debugging_shows_the_error_itself(monkeypatch):
    monkeypatch.setenv("BIRNN_DEBUG", "1")
    with pytest.raises(ValueError, match="--examples needs a MODEL"):
        main(["check", "--examples", "5"])


@pytest.mark.parametrize("options", [[], ["check", "--grid", "tiny"], ["paint"]], ids=str)
def test_what_is_no_command_ends_with_2(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert "usage: birnn-parity" in capsys.readouterr().err
