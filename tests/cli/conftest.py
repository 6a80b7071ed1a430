"""A classifier of texts, trained once in a second, for the tests of the program."""

import json
import shutil

import pytest

from birnn_lightning.cli import main

REVIEWS = [
    ("A wonderful film, wonderful actors.", "good"),
    ("What a delight! I laughed and cried.", "good"),
    ("Great story, great pictures.", "good"),
    ("I loved every minute of it.", "good"),
    ("Dull, long, and badly played.", "bad"),
    ("What a waste of time.", "bad"),
    ("The worst film I have ever seen.", "bad"),
    ("I left after ten boring minutes.", "bad"),
]
QUIET = ("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false")
CPU = ("--trainer.accelerator", "cpu")


def write_reviews(path):
    path.write_text("".join(json.dumps({"text": t, "label": one}) + "\n" for t, one in REVIEWS))
    return path


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """The folder of a run on texts, and the data beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("run")
    reviews = write_reviews(folder / "reviews.jsonl")
    data = ("--data", "TextDataModule", "--data.train_files", str(reviews))
    files = ("--data.test_files", str(reviews), "--data.validation_fraction", "0.25")
    small = ("--model.embedding_dim", "3", "--model.hidden_size", "5", "--trainer.max_epochs", "2")
    root = ("--trainer.default_root_dir", str(folder / "runs"))
    status = main(["fit", *data, *files, *small, *root, *QUIET, *CPU])
    assert status == 0
    return folder / "runs" / "bilstm-text" / "version_0"


@pytest.fixture
def run_copy(trained_run, tmp_path):
    """A copy of the run that a test may change."""
    return shutil.copytree(trained_run, tmp_path / "runs" / "bilstm-text" / "version_0")
