"""birnn predict: texts from everywhere, JSON lines or CSV, and nothing half written."""

import csv
import io
import json
import sys

import numpy as np
import pytest

from birnn_lightning.cli import main
from birnn_lightning.module import SequenceClassifier
from tests.cli.conftest import CPU, QUIET, write_reviews

TEXTS = ["A wonderful film.", "What a waste!", "Schön, ein Film — ☃."]


@pytest.fixture(scope="module")
def checkpoint(trained_run):
    return str(trained_run / "checkpoints" / "best.ckpt")


def predicted(capsys, *arguments):
    assert main(["predict", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_arguments(capsys, checkpoint):
    results = predicted(capsys, "--ckpt_path", checkpoint, *TEXTS)
    assert [result["text"] for result in results] == TEXTS
    model = SequenceClassifier.load_from_checkpoint(checkpoint)
    assert model.preprocessing is not None
    expected = model.predict(model.preprocessing(TEXTS).inputs)[:, 0]  # type: ignore[arg-type]
    for result, good in zip(results, expected, strict=True):
        assert set(result["probabilities"]) == {"bad", "good"}
        assert sum(result["probabilities"].values()) == pytest.approx(1)
        assert result["label"] == max(result["probabilities"], key=result["probabilities"].get)
        assert result["probabilities"]["good"] == pytest.approx(good, abs=1e-5)


def test_batches_do_not_change_the_results(capsys, checkpoint):
    one = predicted(capsys, "--ckpt_path", checkpoint, "--batch_size", "1", *TEXTS)
    all_at_once = predicted(capsys, "--ckpt_path", checkpoint, *TEXTS)
    for first, second in zip(one, all_at_once, strict=True):
        assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-6)


def test_standard_input(capsys, checkpoint, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([TEXTS[0], "", "  ", TEXTS[1]])))
    results = predicted(capsys, "--ckpt_path", checkpoint)
    assert [result["text"] for result in results] == TEXTS[:2]


@pytest.mark.parametrize("ending", ["txt", "jsonl"])
def test_files(capsys, checkpoint, tmp_path, ending):
    path = tmp_path / f"texts.{ending}"
    rows = [json.dumps({"text": text}) for text in TEXTS] if ending == "jsonl" else TEXTS
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    results = predicted(capsys, "--ckpt_path", checkpoint, "--file", str(path))
    assert [result["text"] for result in results] == TEXTS


def test_csv_output(checkpoint, tmp_path):
    output = tmp_path / "new folder" / "labels.csv"
    assert main(["predict", "--ckpt_path", checkpoint, "--output", str(output), *TEXTS]) == 0
    rows = list(csv.DictReader(output.read_text(encoding="utf-8").splitlines()))
    assert [row["text"] for row in rows] == TEXTS
    assert {"label", "bad", "good"} < set(rows[0])


def test_a_failure_leaves_the_old_file(checkpoint, tmp_path):
    output = tmp_path / "labels.csv"
    output.write_text("old")
    source = write_reviews(tmp_path / "reviews.jsonl")
    arguments = ["--file", str(source), "--column", "body", "--output", str(output)]
    with pytest.raises(SystemExit):
        main(["predict", "--ckpt_path", checkpoint, *arguments])
    assert output.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"labels.csv", "reviews.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--format", "xml", "a"], ["xml", "jsonl or csv"], id="format"),
        pytest.param(["--batch_size", "0", "a"], ["batch_size", "0"], id="batch size"),
        pytest.param(["--device", "abacus", "a"], ["abacus", "cuda"], id="device"),
        pytest.param(["--file", "x.txt", "a"], ["not both"], id="two sources"),
        pytest.param(["--file", "x.txt"], ["x.txt"], id="missing text file"),
        pytest.param(["--file", "x.csv"], ["x.csv", "must exist"], id="missing table"),
    ],
)
def test_mistakes(capsys, checkpoint, arguments, words):
    with pytest.raises(SystemExit) as status:
        main(["predict", "--ckpt_path", checkpoint, *arguments])
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for word in words:
        assert word in error


def test_series(capsys, tmp_path):
    root = ("--trainer.default_root_dir", str(tmp_path / "runs"))
    short = ("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1")
    assert main(["fit", *root, *short, *QUIET, *CPU]) == 0
    (best,) = tmp_path.rglob("best.ckpt")
    images = np.random.default_rng(0).integers(0, 17, (3, 8, 8)).astype(float)
    np.savez(tmp_path / "images.npz", x=images)
    capsys.readouterr()
    results = predicted(capsys, "--ckpt_path", str(best), "--file", str(tmp_path / "images.npz"))
    assert len(results) == 3
    assert all(len(result["probabilities"]) == 10 for result in results)
    with pytest.raises(SystemExit):
        main(["predict", "--ckpt_path", str(best), "a text"])
    assert "takes series" in capsys.readouterr().err
