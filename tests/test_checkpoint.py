"""A checkpoint is primitives and tensors, and gives back the classifier that was saved."""

import pickle
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier, SequenceClassifier
from birnn_lightning.checkpoint import read_checkpoint
from birnn_lightning.nn.specs import CellName
from birnn_lightning.presets import PRESETS
from tests.nn.samples import CLASSES, HIDDEN, INPUT, MASKS, features, randomise
from tests.nn.training import CLASS_NAMES, TinySeries, quiet_trainer

SETTINGS: dict[str, Any] = {
    "task": "binary",
    "class_weights": [0.25, 3.0],
    "label_smoothing": 0.125,
    "engine": "scan",
    "optimizer": "sgd",
    "learning_rate": 0.02,
    "momentum": 0.5,
    "weight_decay": 0.01,
    "schedule": "exponential",
    "warmup_steps": 2,
    "decay_factor": 0.75,
    "patience": 3,
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def trained(tmp_path: Path) -> tuple[BiLSTMClassifier, Path]:
    """A classifier that a Trainer trained and saved, with every setting unlike the default."""
    model = BiLSTMClassifier(input_size=INPUT, hidden_size=HIDDEN, num_layers=2, **SETTINGS)
    trainer = quiet_trainer(tmp_path, max_epochs=1)
    trainer.fit(model, TinySeries())
    path = tmp_path / "model.ckpt"
    trainer.save_checkpoint(path)
    return model, path


def untrained_checkpoint(model: SequenceClassifier, path: Path) -> Path:
    """A checkpoint of what a Trainer saves, without the Trainer."""
    checkpoint = {"state_dict": model.state_dict(), "hyper_parameters": model.to_config()}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return path


def test_a_checkpoint_is_read_safely(trained: tuple[BiLSTMClassifier, Path]) -> None:
    checkpoint = torch.load(trained[1], weights_only=True)
    assert checkpoint["preprocessing"]["class_names"] == list(CLASS_NAMES)
    assert checkpoint["hyper_parameters"] == trained[0].to_config()


@pytest.mark.parametrize("loader", [BiLSTMClassifier, SequenceClassifier])
def test_the_classifier_comes_back(
    loader: type[SequenceClassifier], trained: tuple[BiLSTMClassifier, Path]
) -> None:
    model, path = trained
    ours = loader.load_from_checkpoint(path)
    assert type(ours) is loader
    assert ours.to_config() == model.to_config()
    assert ours.spec == model.spec
    assert ours.preprocessing == model.preprocessing
    assert ours.class_names == list(CLASS_NAMES)
    assert ours.optimizer_config == model.optimizer_config
    assert {layer.requested_engine for layer in ours.recurrent_layers.values()} == {"scan"}
    predictions = ours.predict(features(), mask=MASKS["interior"])
    assert np.array_equal(predictions, model.predict(features(), mask=MASKS["interior"]))


def test_settings_may_be_overridden(trained: tuple[BiLSTMClassifier, Path]) -> None:
    model, path = trained
    overrides = {"learning_rate": 0.5, "engine": "native", "class_weights": None}
    ours = SequenceClassifier.load_from_checkpoint(path, **overrides)
    assert ours.to_config() == {**model.to_config(), **overrides}
    assert {layer.engine().name for layer in ours.recurrent_layers.values()} == {"native"}


def test_an_unknown_override_is_refused(trained: tuple[BiLSTMClassifier, Path]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_speed'"):
        SequenceClassifier.load_from_checkpoint(trained[1], learning_speed=0.5)


@pytest.mark.parametrize("cell", PRESETS)
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"input_size": INPUT, "num_classes": CLASSES}, id="multiclass"),
        pytest.param(
            {"input_size": INPUT, "num_classes": 2, "task": "regression"}, id="regression"
        ),
        pytest.param({"vocab_size": 13, "task": "binary", "tagging": True}, id="tokens, tagging"),
        pytest.param(
            {"input_size": INPUT, "num_classes": CLASSES, "pooling": "attention", "dropout": 0.5},
            id="attention",
        ),
    ],
)
def test_every_preset_comes_back(cell: CellName, settings: dict, tmp_path: Path) -> None:
    model = PRESETS[cell](hidden_size=HIDDEN, **settings)
    randomise(model.model)
    path = untrained_checkpoint(model, tmp_path / "model.ckpt")
    ours = PRESETS[cell].load_from_checkpoint(path)
    inputs = torch.arange(14).reshape(2, 7) % 13 if "vocab_size" in settings else features()
    assert np.array_equal(ours.predict(inputs), model.predict(inputs))
    assert ours.preprocessing is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_the_precision_comes_back(dtype: torch.dtype, tmp_path: Path) -> None:
    model = BiGRUClassifier(input_size=INPUT, num_classes=CLASSES, hidden_size=HIDDEN).to(dtype)
    randomise(model.model)
    ours = BiGRUClassifier.load_from_checkpoint(untrained_checkpoint(model, tmp_path / "m.ckpt"))
    assert ours(features()).dtype == dtype
    assert np.array_equal(ours.predict(features()), model.predict(features()))


def test_configs_come_back_as_fresh_classifiers() -> None:
    model = BiGRUClassifier(input_size=INPUT, num_classes=CLASSES, hidden_size=HIDDEN)
    ours = SequenceClassifier.from_config(model.to_config())
    assert ours.to_config() == model.to_config()
    assert not torch.equal(next(ours.parameters()), next(model.parameters()))


def test_a_foreign_module_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": nn.Linear(2, 3).state_dict(), "hyper_parameters": {"lr": 1}}, path)
    message = f"{path} is not a checkpoint of birnn-lightning: it holds no model spec. "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        SequenceClassifier.load_from_checkpoint(path)


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param([1, 2], id="a list"),
        pytest.param({"state_dict": {}}, id="no settings"),
        pytest.param({"hyper_parameters": {"spec": []}}, id="no weights"),
        pytest.param({"state_dict": {}, "hyper_parameters": 3}, id="settings a number"),
    ],
)
def test_other_contents_are_told_apart(contents: Any, tmp_path: Path) -> None:
    torch.save(contents, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="it holds no model spec"):
        read_checkpoint(tmp_path / "other.ckpt")


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    sprung, path = tmp_path / "sprung", tmp_path / "trap.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": {"spec": Trap(sprung)}}, path)
    with pytest.raises(ValueError, match="can be read safely"):
        read_checkpoint(path)
    assert not sprung.exists()
    torch.load(path, weights_only=False)
    assert sprung.exists(), "the trap is none"


def garbage() -> list[bytes]:
    """Random bytes, pickles and half pickles."""
    source = random.Random(0)
    pieces = [source.randbytes(count) for count in (0, 1, 2, 5, 50, 500)]
    opcodes = [bytes(source.choices(b"(]}KUMX.sbqR0t1l)u\x80\x02aehjr", k=50)) for _ in range(20)]
    return [*pieces, *(b"\x80\x02" + piece for piece in pieces), *opcodes, pickle.dumps({"a": 1})]


@pytest.mark.parametrize("contents", garbage(), ids=lambda contents: contents[:8].hex() or "empty")
def test_garbage_is_refused(contents: bytes, tmp_path: Path) -> None:
    path = tmp_path / "garbage.ckpt"
    path.write_bytes(contents)
    message = f"{path} is not a checkpoint that can be read safely: not a zip archive"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_checkpoint(path)


# torch remarks on the protocol before it fails on the rest.
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("contents", garbage(), ids=lambda contents: contents[:8].hex() or "empty")
def test_garbage_in_an_archive_is_refused(contents: bytes, tmp_path: Path) -> None:
    path = tmp_path / "garbage.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", contents)
        archive.writestr("archive/version", "3")
    with pytest.raises(ValueError, match="is not a checkpoint"):
        read_checkpoint(path)


def test_half_a_checkpoint_is_refused(tmp_path: Path) -> None:
    model = BiGRUClassifier(input_size=INPUT, num_classes=CLASSES, hidden_size=HIDDEN)
    path = untrained_checkpoint(model, tmp_path / "model.ckpt")
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match="is not a checkpoint that can be read safely"):
            read_checkpoint(path)


@pytest.mark.parametrize("name", ["missing.ckpt", "."])
def test_a_missing_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(f'checkpoint not found: {path}')}$"):
        SequenceClassifier.load_from_checkpoint(path)
