"""fit --model.pretrained: the model comes from a file, the rest from the command line."""

import shutil

import numpy as np
import pytest
import torch
import yaml

from birnn_lightning import BiGRUClassifier
from birnn_lightning.cli import main
from birnn_lightning.model_files import load_classifier, save_checkpoint, save_safetensors
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.pretrained import PretrainedClassifier
from tests.cli.conftest import CPU, QUIET, write_reviews

SHORT = ("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1")
FROZEN = ("--model.optimizer", "sgd", "--model.learning_rate", "1e-30")


def texts(folder):
    reviews = write_reviews(folder / "reviews.jsonl")
    return (
        *("--data", "TextDataModule", "--data.train_files", str(reviews)),
        *("--data.validation_fraction", "0.25"),
    )


def fit(*arguments):
    return main(["fit", *arguments, *SHORT, *QUIET, *CPU])


def error_of(capsys, *arguments):
    with pytest.raises(SystemExit, match=r"^2$"):
        fit(*arguments)
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "error" in one]
    return line


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("ending", ["ckpt", "safetensors"])
def test_training_starts_from_the_file(ending, trained_run, own_folder):
    best = trained_run / "checkpoints" / "best.ckpt"
    path = own_folder / f"start.{ending}"
    before = load_classifier(best)
    if ending == "ckpt":
        shutil.copy(best, path)
    else:
        save_safetensors(path, before)
    assert fit("--model.pretrained", str(path), *FROZEN, *texts(own_folder)) == 0
    after = load_classifier(next(own_folder.rglob("last.ckpt")))
    assert after.spec == before.spec
    assert after.preprocessing == before.preprocessing
    assert after.optimizer_config.optimizer == "sgd"
    for name, tensor in before.state_dict().items():
        assert (after.state_dict()[name] - tensor).abs().max() < 1e-20, name
    config = yaml.safe_load(next(own_folder.rglob("config.yaml")).read_text())
    assert config["model"]["class_path"].endswith("PretrainedClassifier")
    assert config["model"]["init_args"]["pretrained"] == str(path)


def test_what_is_not_given_is_as_in_the_file(tmp_path):
    model = BiGRUClassifier(
        input_size=3,
        num_classes=7,
        learning_rate=0.02,
        label_smoothing=0.125,
        optimizer="keras_adam",
        optimizer_settings={"beta_1": 0.5},
    )
    save_checkpoint(tmp_path / "m.ckpt", model.double())
    same = PretrainedClassifier(str(tmp_path / "m.ckpt"))
    assert same.to_config() == model.to_config()
    assert next(same.parameters()).dtype == torch.float64
    other = PretrainedClassifier(str(tmp_path / "m.ckpt"), optimizer="sgd", learning_rate=0.5)
    assert other.optimizer_config.optimizer_settings == {}
    assert other.to_config()["label_smoothing"] == 0.125
    assert other.optimizer_config.learning_rate == 0.5
    inputs = np.ones((2, 5, 3))
    assert np.array_equal(same.predict(inputs), model.predict(inputs))


def test_without_preprocessing_the_user_is_told(trained_run, own_folder, capsys):
    model = load_classifier(trained_run / "checkpoints" / "best.ckpt")
    model.preprocessing = None
    save_checkpoint(own_folder / "m.ckpt", model)
    assert fit("--model.pretrained", "m.ckpt", *texts(own_folder)) == 0
    assert "Token ids must be made as they were for the Keras model." in capsys.readouterr().out


def tokens(vocab_size, **settings):
    return BiGRUClassifier(
        vocab_size=vocab_size, embedding_dim=3, hidden_size=5, **{"task": "binary", **settings}
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(
            tokens(11),
            "the pretrained embedding has 11 rows. Use --data.max_tokens 11.",
            id="vocabulary",
        ),
        pytest.param(
            tokens(997, task="multiclass", num_classes=7),
            "the data have 2 classes (bad, good); the pretrained model has 7.",
            id="classes",
        ),
        pytest.param(
            tokens(997, task="regression", num_classes=1),
            "the pretrained model's task is regression; the labels are for binary or multiclass.",
            id="task",
        ),
        pytest.param(
            tokens(997, tagging=True),
            "the pretrained model labels every step; the data have a label for every sequence.",
            id="tagging",
        ),
        pytest.param(
            BiGRUClassifier(input_size=3, task="binary"),
            "the pretrained model takes features; TextDataModule gives others.",
            id="features",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused(model, message, own_folder, capsys):
    save_checkpoint("m.ckpt", model)
    assert message in error_of(capsys, "--model.pretrained", "m.ckpt", *texts(own_folder))


def test_features_are_counted(own_folder, capsys):
    save_checkpoint("m.ckpt", BiGRUClassifier(input_size=3, num_classes=10))
    message = "the data have 8 features a step; the pretrained model takes 3."
    assert message in error_of(capsys, "--model.pretrained", "m.ckpt")


def test_a_keras_file_is_told_how_to_convert(own_folder, capsys):
    (own_folder / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    message = "python -m parity convert m.h5 model.ckpt"
    assert message in error_of(capsys, "--model.pretrained", "m.h5")


def test_a_class_beside_the_file_is_refused(own_folder, capsys):
    save_checkpoint("m.ckpt", tokens(11))
    message = "--model BiLSTMClassifier has no place"
    given = ("--model", "BiLSTMClassifier", "--model.pretrained", "m.ckpt")
    assert message in error_of(capsys, *given)


def test_its_checkpoint_is_an_ordinary_one(tmp_path):
    save_checkpoint(tmp_path / "a.ckpt", tokens(11))
    save_checkpoint(tmp_path / "b.ckpt", PretrainedClassifier(str(tmp_path / "a.ckpt")))
    assert isinstance(
        SequenceClassifier.load_from_checkpoint(tmp_path / "b.ckpt"), SequenceClassifier
    )
