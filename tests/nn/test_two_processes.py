"""Two processes share the examples, measure what one would, and leave a checkpoint that loads."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from birnn_lightning import BiGRUClassifier, SequenceClassifier
from birnn_lightning.data.datamodule import Split
from tests.nn.training import CLASS_NAMES, quiet_trainer
from tests.nn.two_processes import BATCH_SIZE, EPOCHS, data

SECONDS = 240
STAGES: dict[str, Split] = {
    **{f"train {epoch}": "train" for epoch in range(EPOCHS)},
    **{f"validation {epoch}": "validation" for epoch in range(EPOCHS)},
    "test": "test",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training in two processes; neither outlives this fixture."""
    folder = tmp_path_factory.mktemp("two-processes")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.nn.two_processes", str(folder), "2"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output
    return folder


@pytest.fixture
def reports(root: Path) -> list[dict[str, Any]]:
    """What each process saw and measured."""
    return [json.loads((root / f"process-{rank}.json").read_text()) for rank in range(2)]


def fingerprints(split: Split) -> Counter[float]:
    """The examples of a split as the program knows them."""
    module = data()
    batch = module.preprocessing(list(module.examples(split).inputs))
    return Counter(round(value, 3) for value in batch.inputs.sum((1, 2)).tolist())


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_examples_can_be_told_apart_and_are_odd_in_number(split: Split) -> None:
    known = fingerprints(split)
    assert max(known.values()) == 1
    assert known.total() % 2 == 1


def test_there_are_two_processes(reports: list[dict[str, Any]]) -> None:
    assert [report["world_size"] for report in reports] == [2, 2]
    assert all(report["seen"].keys() == STAGES.keys() for report in reports)


@pytest.mark.parametrize("stage", STAGES)
def test_every_example_is_met_once_an_epoch(stage: str, reports: list[dict[str, Any]]) -> None:
    first, second = (report["seen"][stage] for report in reports)
    assert Counter(first + second) == fingerprints(STAGES[stage])
    assert abs(len(first) - len(second)) <= BATCH_SIZE


def test_epochs_have_orders_of_their_own(reports: list[dict[str, Any]]) -> None:
    seen = reports[0]["seen"]
    assert seen["train 0"] != seen["train 1"]
    assert seen["validation 0"] == seen["validation 1"]


def test_both_processes_report_what_one_measures(
    root: Path, reports: list[dict[str, Any]], tmp_path: Path
) -> None:
    model = SequenceClassifier.load_from_checkpoint(root / "model.ckpt")
    (alone,) = quiet_trainer(tmp_path).test(model, data(), verbose=False)
    assert model.confusion is not None
    for report in reports:
        assert report["confusion"] == model.confusion.tolist()
        assert report["reported"] == pytest.approx(alone, abs=1e-6)
    assert int(model.confusion.sum()) == fingerprints("test").total()


def test_the_checkpoint_loads(root: Path) -> None:
    model = BiGRUClassifier.load_from_checkpoint(root / "model.ckpt")
    assert model.class_names == list(CLASS_NAMES)
