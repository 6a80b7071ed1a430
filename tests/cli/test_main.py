"""A user's mistake is one line on standard error and exit status 2."""

import pytest

from birnn_lightning.cli import main
from birnn_lightning.imports import import_without_collections


def assert_refused(capsys, arguments, *words):
    with pytest.raises(SystemExit) as exit_status:
        main(arguments)
    assert exit_status.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("birnn: error: ")
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["frobnicate"], ["'frobnicate'", "fit, validate"], id="command"),
        pytest.param(["fit", "--trainer.foo", "3"], ["--trainer.foo", "fit --help"], id="option"),
        pytest.param(["fit", "--model", "Foo"], ["BiGRUClassifier", "got Foo"], id="model"),
        pytest.param(["fit", "--data", "Foo"], ["DigitsDataModule", "got Foo"], id="data"),
        pytest.param(
            ["fit", "--model.hidden_size", "0"], ["hidden_size", "at least 1", "got 0"], id="size"
        ),
        pytest.param(
            ["fit", "--model.pooling", "median"], ["pooling", "median"], id="unknown choice"
        ),
        pytest.param(
            ["fit", "--data", "TextDataModule", "--data.train_files", "no.csv"],
            ["no.csv", "must exist"],
            id="missing file",
        ),
        pytest.param(["fit", "-c", "no.yaml"], ["no.yaml"], id="missing config"),
        pytest.param(["fit", "--ckpt_path", "no.ckpt"], ["no.ckpt"], id="missing checkpoint"),
        pytest.param(["test"], ["--ckpt_path"], id="test without checkpoint"),
        pytest.param(["predict", "text"], ["ckpt_path"], id="predict without checkpoint"),
        pytest.param(
            ["predict", "--ckpt_path", "no.ckpt", "text"], ["no.ckpt"], id="predict: missing"
        ),
    ],
)
def test_a_mistake_is_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert_refused(capsys, arguments, *words)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_commands_are_imported_without_collections(tmp_path, monkeypatch):
    imported = []

    def spy(name):
        imported.append(name)
        return import_without_collections(name)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("birnn_lightning.cli.import_without_collections", spy)
    for arguments in (["fit", "-c", "no.yaml"], ["predict", "--ckpt_path", "no.ckpt", "text"]):
        with pytest.raises(SystemExit):
            main(arguments)
    assert imported == ["birnn_lightning.cli.training", "birnn_lightning.cli.predict"]


def test_debug_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("BIRNN_DEBUG", "1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no\.ckpt"):
        main(["predict", "--ckpt_path", "no.ckpt", "text"])


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_overview_names_every_command(capsys, arguments):
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    for command in ("fit", "validate", "test", "predict"):
        assert f"\n  {command} " in shown


def test_version(capsys):
    from birnn_lightning import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"birnn {__version__}\n"
