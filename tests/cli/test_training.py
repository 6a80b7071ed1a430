"""fit, validate and test: what a run leaves behind, and what follows from a checkpoint."""

import csv
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from birnn_lightning.cli import main
from birnn_lightning.cli.training import datamodule_of_checkpoint, run_loggers, sized_for
from birnn_lightning.data import DigitsDataModule, TextDataModule
from birnn_lightning.module import SequenceClassifier
from tests.cli.conftest import CPU, QUIET, write_reviews


def test_a_run_leaves_checkpoints_logs_and_its_settings(trained_run):
    names = {path.name for path in trained_run.iterdir()}
    assert {"checkpoints", "config.yaml", "metrics.csv"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert {path.name for path in (trained_run / "checkpoints").iterdir()} == {
        "best.ckpt",
        "last.ckpt",
    }
    with open(trained_run / "metrics.csv", encoding="utf-8") as stream:
        columns = set(csv.DictReader(stream).fieldnames or ())
    for stage in ("train", "val"):
        for metric in ("accuracy", "f1", "auroc"):
            assert f"{stage}_{metric}" in columns


def test_the_summary_says_where_things_are(trained_run, capsys, monkeypatch):
    monkeypatch.chdir(trained_run.parents[2])
    arguments = ["--trainer.max_epochs", "1", "--trainer.default_root_dir", "elsewhere"]
    assert main(["fit", *arguments, "--trainer.limit_train_batches", "2", *QUIET, *CPU]) == 0
    shown = capsys.readouterr().out
    assert "Trained 1 epochs in " in shown
    assert "val_accuracy 0." in shown
    assert "Best checkpoint: elsewhere/bilstm-digits/version_0/checkpoints/best.ckpt" in shown
    assert "Last checkpoint: elsewhere/bilstm-digits/version_0/checkpoints/last.ckpt" in shown


def test_test_reports_every_class(trained_run, capsys):
    checkpoint = trained_run / "checkpoints" / "best.ckpt"
    assert main(["test", "--ckpt_path", str(checkpoint), *QUIET, *CPU]) == 0
    shown = capsys.readouterr().out
    assert "test_accuracy" in shown
    assert "confusion matrix" in shown
    rows = [line.split() for line in shown.splitlines() if line.split()[:1] in (["bad"], ["good"])]
    assert [row[-1] for row in rows[:2]] == ["4", "4"]


def test_validate_measures(trained_run, capsys):
    checkpoint = trained_run / "checkpoints" / "best.ckpt"
    assert main(["validate", "--ckpt_path", str(checkpoint), *QUIET, *CPU]) == 0
    assert "val_loss" in capsys.readouterr().out


def test_the_checkpoint_knows_its_data(trained_run):
    data = datamodule_of_checkpoint(str(trained_run / "checkpoints" / "best.ckpt"))
    assert isinstance(data, TextDataModule)
    assert len(data.examples("test").inputs) == 8


def test_fit_goes_on_from_a_checkpoint(run_copy, tmp_path, capsys):
    last = run_copy / "checkpoints" / "last.ckpt"
    before = torch.load(last, weights_only=True)
    for callback in before["callbacks"].values():
        if "dirpath" in callback:  # as if the run had been made here
            callback["dirpath"] = str(run_copy / "checkpoints")
    torch.save(before, last)
    root = ("--trainer.default_root_dir", str(tmp_path / "runs"))
    arguments = ["--ckpt_path", str(last), "--trainer.max_epochs", "3", *root]
    assert main(["fit", *arguments, *QUIET, *CPU]) == 0
    assert "Trained 3 epochs in " in capsys.readouterr().out
    after = torch.load(last, weights_only=True)
    assert (before["epoch"], after["epoch"]) == (1, 2)
    assert after["global_step"] == before["global_step"] * 3 // 2
    scores = [
        callback["best_model_score"]
        for checkpoint in (before, after)
        for callback in checkpoint["callbacks"].values()
        if callback.get("best_model_score") is not None
    ]
    assert scores[1] <= scores[0]
    assert (tmp_path / "runs" / "bilstm-text" / "version_1" / "metrics.csv").is_file()


def test_the_model_is_sized_by_the_data():
    data = DigitsDataModule()
    sized = sized_for(data, {"input_size": None, "num_classes": None, "task": "multiclass"})
    assert sized == {"input_size": 8, "num_classes": 10, "task": "multiclass"}
    own = {"input_size": 8, "num_classes": 12, "task": "multilabel"}
    assert sized_for(data, dict(own)) == own


def test_loggers_share_the_next_free_folder(tmp_path):
    (tmp_path / "a" / "version_3").mkdir(parents=True)
    (tmp_path / "a" / "version_old").mkdir()
    assert {logger.log_dir for logger in run_loggers(tmp_path, "a")} == {
        str(tmp_path / "a" / "version_4")
    }


@pytest.mark.parametrize("name", ["digits", "imdb"])
def test_shipped_configs_are_valid(name, tmp_path, monkeypatch, request):
    config = request.config.rootpath / "configs" / f"{name}.yaml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    overrides = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1"]
    if name == "imdb":
        reviews = str(write_reviews(tmp_path / "reviews.jsonl"))
        overrides += ["--data.train_files", reviews, "--data.validation_fraction", "0.25"]
        assert settings["data"]["init_args"]["max_tokens"] == 20_000
    assert main(["fit", "-c", str(config), *overrides, *QUIET, *CPU]) == 0
    (checkpoint,) = tmp_path.rglob("best.ckpt")
    model = SequenceClassifier.load_from_checkpoint(checkpoint)
    assert len(model.recurrent_layers) == settings["model"]["init_args"].get("num_layers", 1)


@pytest.mark.slow
def test_killed_in_mid_epoch_and_resumed(tmp_path):
    """The process dies by SIGKILL; what it left is enough to end normally."""
    command = [sys.executable, "-m", "birnn_lightning.cli", "fit", *QUIET, *CPU]
    slow = ["--trainer.max_epochs", "200", "--early_stopping.patience", "200"]
    last = tmp_path / "runs" / "bilstm-digits" / "version_0" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(
        [*command, *slow], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not last.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    done = torch.load(last, weights_only=True)["epoch"] + 1
    resume = ["--ckpt_path", str(last), "--trainer.max_epochs", str(done + 1)]
    ended = subprocess.run(
        [*command, *resume], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert f"Trained {done + 1} epochs in " in ended.stdout


@pytest.mark.slow
def test_the_installed_program_starts_the_other_processes(tmp_path):
    """Lightning starts them by the program's own path."""
    program = Path(sys.executable).parent / "birnn"
    two = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.max_epochs", "1"]
    ended = subprocess.run(
        [program, "fit", *two, "--trainer.limit_train_batches", "2", *QUIET, *CPU],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "MEMBER: 2/2" in ended.stderr
    assert ended.stdout.count("Trained 1 epochs in ") == 1


@pytest.mark.slow
def test_training_never_imports_tensorflow(tmp_path):
    """Also not through TensorBoard's writer, with TensorFlow installed."""
    code = (
        "import sys\n"
        "from birnn_lightning.cli import main\n"
        "main(['fit', '--trainer.max_epochs', '1', '--trainer.limit_train_batches', '1',\n"
        "      '--trainer.accelerator', 'cpu', '--trainer.enable_progress_bar', 'false'])\n"
        "found = {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
        "sys.exit(f'imported {found}' if found else 0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.rglob("events.out.tfevents*"))


def test_optimisers_and_schedules_of_keras(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = {
        "trainer": {
            "callbacks": [
                {
                    "class_path": "birnn_lightning.callbacks.KerasEarlyStopping",
                    "init_args": {"patience": 1, "min_delta": 99, "restore_best_weights": True},
                }
            ]
        }
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    optimizer = ["--model.optimizer", "keras_rmsprop", "--model.optimizer_settings", '{"rho": 0.8}']
    schedule = ["--model.schedule", "cosine_decay"]
    settings = ["--model.schedule_settings", '{"decay_steps": 100}']
    short = ["-c", "own.yaml", "--trainer.max_epochs", "4", "--trainer.limit_train_batches", "2"]
    assert main(["fit", *short, *optimizer, *schedule, *settings, *QUIET, *CPU]) == 0
    # Keras's early stopping is the only one: the default of ours would wait for 5 epochs.
    assert "Trained 2 epochs in " in capsys.readouterr().out
    checkpoint = torch.load(next(tmp_path.rglob("last.ckpt")), weights_only=True)
    (group,) = checkpoint["optimizer_states"][0]["param_groups"]
    assert group["rho"] == 0.8
    assert group["lr"] == pytest.approx(5e-4 * (1 + math.cos(math.pi * 4 / 100)), rel=1e-12)
    assert sum("EarlyStopping" in name for name in checkpoint["callbacks"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--model.schedule", "cosine_decay"],
            "schedule_settings of cosine_decay must say decay_steps; got {}.",
            id="schedule",
        ),
        pytest.param(
            ["--model.optimizer", "keras_lion", "--model.optimizer_settings", '{"rho": 0.8}'],
            "optimizer_settings of keras_lion must be among beta_1, beta_2, ",
            id="optimiser",
        ),
    ],
)
def test_mistaken_settings_are_told_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["fit", *arguments, *QUIET, *CPU])
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "error" in one]
    assert line.startswith(f"birnn: error: {message}")


def test_the_help_names_optimisers_and_schedules(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["fit", "--model.help", "BiLSTMClassifier"])
    shown = capsys.readouterr().out
    for option in ("optimizer_settings", "schedule_settings", "exclude_from_weight_decay"):
        assert f"--model.{option} " in shown
    assert "keras_rmsprop" in shown
    assert "cosine_decay_restarts" in shown
