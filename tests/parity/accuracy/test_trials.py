"""Every seed is trained in both frameworks, once, whatever interrupts the run."""

import gzip
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity import ParityUnavailable
from parity.accuracy import data, trials
from parity.accuracy.experiment import Arrays, Experiment, Run, accuracy, build_spec
from parity.accuracy.trials import train_all
from parity.journal import code_digest

EXPERIMENT = Experiment(
    cell="gru",
    hidden_size=5,
    dropout=0.2,
    recurrent_dropout=0.1,
    max_pooling=False,
    learning_rate=0.01,
    batch_size=3,
    epochs=2,
)
ARRAYS = Arrays(
    train_inputs=np.arange(66, dtype="float32").reshape(11, 3, 2),
    train_labels=np.arange(11) % 3,
    test_inputs=np.ones((7, 3, 2), "float32"),
    test_labels=np.arange(7) % 3,
    num_classes=3,
)
SEEDS = [3, 5, 7]


@pytest.fixture
def trained(monkeypatch):
    """The trainings that were asked for, instead of the trainings; each ends out of order."""
    asked = []

    def fake(framework, experiment, path, seeds, jobs):
        arrays = data.load(path)
        for seed in reversed(seeds):
            asked.append((framework, seed))
            shift = 0.5 if framework == "theirs" else 0.0
            yield Run(seed=seed, accuracy=seed / 10, loss=arrays.num_classes + shift, seconds=0.1)

    monkeypatch.setattr(trials, "_trained", fake)
    return asked


def test_runs_are_in_the_order_of_their_seeds(trained):
    runs = train_all(EXPERIMENT, ARRAYS, SEEDS)
    assert [run.seed for run in runs["ours"]] == [run.seed for run in runs["theirs"]] == SEEDS
    assert {run.loss for run in runs["ours"]} == {3.0}
    assert {run.loss for run in runs["theirs"]} == {3.5}


def test_keras_is_first_so_that_its_absence_is_noticed_at_once(trained):
    train_all(EXPERIMENT, ARRAYS, SEEDS)
    assert [framework for framework, _ in trained] == ["theirs"] * 3 + ["ours"] * 3


def test_a_journal_spares_what_it_holds(trained, tmp_path):
    book = tmp_path / "runs.jsonl"
    first = train_all(EXPERIMENT, ARRAYS, SEEDS[:2], journal=book)
    trained.clear()
    again = train_all(EXPERIMENT, ARRAYS, SEEDS, journal=book)
    assert trained == [("theirs", 7), ("ours", 7)]
    assert again["ours"][:2] == first["ours"]
    assert len(book.read_text().splitlines()) == 1 + 6


def test_a_run_cut_short_is_made_again(trained, tmp_path):
    book = tmp_path / "runs.jsonl"
    whole = train_all(EXPERIMENT, ARRAYS, SEEDS, journal=book)
    book.write_bytes(book.read_bytes()[:-5])
    trained.clear()
    assert train_all(EXPERIMENT, ARRAYS, SEEDS, journal=book) == whole
    assert trained == [("ours", 3)]


@pytest.mark.parametrize(
    ("experiment", "arrays"),
    [
        (replace(EXPERIMENT, epochs=3), ARRAYS),
        (EXPERIMENT, replace(ARRAYS, test_labels=ARRAYS.test_labels[::-1].copy())),
    ],
    ids=["settings", "data"],
)
def test_a_journal_of_another_experiment_is_refused(trained, tmp_path, experiment, arrays):
    book = tmp_path / "runs.jsonl"
    train_all(EXPERIMENT, ARRAYS, SEEDS, journal=book)
    with pytest.raises(ParityUnavailable, match="with other settings, so its results do not count"):
        train_all(experiment, arrays, SEEDS, journal=book)


def test_a_journal_with_another_line_is_refused(trained, tmp_path):
    book = tmp_path / "runs.jsonl"
    train_all(EXPERIMENT, ARRAYS, SEEDS, journal=book)
    with book.open("a") as stream:
        stream.write(json.dumps({"framework": "ours", "length": 3}) + "\n")
    with pytest.raises(ParityUnavailable, match="is a damaged journal"):
        train_all(EXPERIMENT, ARRAYS, SEEDS, journal=book)


def test_a_journal_knows_the_code(tmp_path):
    (tmp_path / "parity").mkdir()
    code = tmp_path / "parity" / "code.py"
    code.write_text("a = 1\n")
    before = code_digest(tmp_path)
    code.write_text("a = 2\n")
    assert code_digest(tmp_path) != before
    with pytest.raises(ValueError, match="it has no code"):
        code_digest(tmp_path / "parity")


def test_a_training_that_fails_says_which(monkeypatch, tmp_path):
    """In a real process: three classes of labels, but the head has two outputs."""
    wrong = replace(ARRAYS, num_classes=1)
    monkeypatch.setattr(trials, "FRAMEWORKS", ("ours",))
    with pytest.raises(ParityUnavailable, match="training ours with seed 3 ended with"):
        train_all(EXPERIMENT, wrong, SEEDS[:1])


def test_the_digits_are_those_of_the_project(tmp_path):
    arrays = data.digits()
    assert arrays.train_inputs.shape == (1258, 8, 8)
    assert arrays.test_inputs.shape == (359, 8, 8)
    assert (arrays.num_classes, arrays.vocab_size) == (10, 0)
    assert arrays.train_inputs.max() == 1.0
    data.save(arrays, tmp_path / "arrays.npz")
    assert data.digest(data.load(tmp_path / "arrays.npz")) == data.digest(arrays)


def test_reviews_are_chosen_by_class(tmp_path):
    rows = [f"{index % 2}\tword{index % 5} film {index}" for index in range(60)]
    for split in ("train", "test"):
        text = "\n".join(["label\ttext", *rows]) + "\n"
        with gzip.open(tmp_path / f"{split}.tsv.gz", "wt") as stream:
            stream.write(text)
    arrays = data.imdb(tmp_path, examples=22, length=7)
    assert arrays.train_inputs.shape == arrays.test_inputs.shape == (22, 7)
    assert arrays.train_labels.sum() == arrays.test_labels.sum() == 11
    assert arrays.task == "binary"
    assert arrays.train_inputs.max() < arrays.vocab_size
    assert (arrays.train_inputs[:, 0] == 0).all()  # padded in front: a review has 3 words
    with pytest.raises(ValueError, match=r"at least 1 and less than the 60 of .*; got 60\."):
        data.imdb(tmp_path, examples=60)


def layers_of(experiment: Experiment, arrays: Arrays) -> dict[str, Any]:
    return {node.name: node.layer for node in build_spec(experiment, arrays).nodes}


def test_dropout_is_everywhere_and_the_head_fits_the_task():
    layers = layers_of(EXPERIMENT, ARRAYS)
    assert list(layers) == ["features", "bidirectional", "dropout", "head"]
    assert layers["bidirectional"].forward.dropout == layers["dropout"].rate == 0.2
    assert layers["bidirectional"].forward.recurrent_dropout == 0.1
    assert (layers["head"].units, layers["head"].activation) == (3, "softmax")
    tokens = replace(ARRAYS, num_classes=2, vocab_size=13)
    layers = layers_of(replace(EXPERIMENT, max_pooling=True), tokens)
    assert list(layers) == ["tokens", "embedding", "bidirectional", "pooling", "dropout", "head"]
    assert (layers["head"].units, layers["head"].activation) == (1, "sigmoid")


def test_accuracy_is_the_share_of_right_classes():
    assert accuracy(np.array([[0.2], [0.7], [0.9], [0.4]]), np.array([0, 1, 0, 1])) == 0.5
    three = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.2, 0.6, 0.2]])
    assert accuracy(three, np.array([2, 0, 0])) == pytest.approx(2 / 3)
