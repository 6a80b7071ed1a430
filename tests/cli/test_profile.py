"""The parts of a training add up to the whole, each without what runs inside it."""

import re

import pytest

from birnn_lightning.cli import main, profile
from birnn_lightning.cli.profile import REST, PartsProfiler, part_of
from tests.cli.conftest import CPU, QUIET


@pytest.fixture
def clock(monkeypatch):
    """A list whose last number is the time."""
    times = [0.0]
    monkeypatch.setattr(profile, "perf_counter", lambda: times[-1])
    return times


def seconds_of(summary):
    rows = re.findall(r"^(\w[\w ,]*?) +([\d.]+) +([\d.]+)% +([\d.]+)$", summary, re.MULTILINE)
    return {name: (float(seconds), float(step)) for name, seconds, _, step in rows}


def test_what_runs_inside_counts_once(clock):
    profiler = PartsProfiler()
    with profiler.profile("run_training_epoch"):
        clock.append(2.0)
        with profiler.profile("[LightningModule]Net.optimizer_step"):
            clock.append(5.0)
            for name, end in (("training_step", 12.0), ("backward", 25.0)):
                with profiler.profile(f"[Strategy]SingleDeviceStrategy.{name}"):
                    clock.append(end)
            clock.append(36.0)
    found = seconds_of(profiler.summary())
    expected = {"forward, loss, metrics": 7, "backward": 13, "optimiser": 14, REST: 2}
    assert found == {name: (s, 1000 * s) for name, s in (expected | {"together": 36}).items()}


@pytest.mark.parametrize(
    ("action", "part"),
    [
        ("[_TrainingEpochLoop].train_dataloader_next", "batches"),
        ("[Callback]RichProgressBar.on_train_batch_end", "progress bar"),
        ("[Callback]ModelCheckpoint{'monitor': 'val_loss'}.on_train_epoch_end", "checkpoints"),
        ("[Callback]RandomState.on_train_batch_start", "other callbacks"),
        ("run_training_batch", REST),
    ],
)
def test_actions_belong_to_parts(action, part):
    assert part_of(action) == part


def test_actions_stop_in_order():
    profiler = PartsProfiler()
    profiler.start("outer")
    profiler.start("inner")
    with pytest.raises(ValueError, match="got 'outer' while 'inner' runs"):
        profiler.stop("outer")


def test_the_program_takes_it_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ("--trainer.profiler", "PartsProfiler", "--trainer.profiler.dirpath", ".")
    named = ("--trainer.profiler.filename", "profile", "--trainer.max_epochs", "1")
    assert main(["fit", *settings, *named, "--trainer.limit_train_batches", "3", *QUIET, *CPU]) == 0
    found = seconds_of((tmp_path / "fit-profile.txt").read_text())
    assert {"batches", "backward", "optimiser", "validation", "checkpoints"} <= found.keys()
    together = found.pop("together")[0]
    assert sum(seconds for seconds, _ in found.values()) == pytest.approx(together, abs=0.06)
