"""A classifier comes back from either kind of file as it was, and other files are told apart."""

import json
import re
import struct
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier
from birnn_lightning.model_files import (
    is_keras_file,
    is_own_file,
    load_classifier,
    save_checkpoint,
    save_safetensors,
)
from tests.nn.samples import CLASSES, HIDDEN, INPUT, randomise
from tests.nn.training import TinySeries, quiet_trainer

SAVERS = {"m.ckpt": save_checkpoint, "m.safetensors": save_safetensors}


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = BiLSTMClassifier(
        input_size=INPUT,
        hidden_size=HIDDEN,
        task="binary",
        learning_rate=1e-302,
        class_weights=[0.25, 3.0],
        optimizer="keras_adam",
        optimizer_settings={"beta_1": 0.5},
    )
    randomise(model.model)
    return model


@pytest.mark.parametrize("name", SAVERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_everything_comes_back(name, dtype, model, tmp_path):
    data = TinySeries()
    model.preprocessing = data.preprocessing
    model.to(dtype)
    SAVERS[name](tmp_path / name, model)
    ours = load_classifier(tmp_path / name)
    assert ours.to_config() == model.to_config()
    assert ours.preprocessing == data.preprocessing
    state, read = model.state_dict(), ours.state_dict()
    assert state.keys() == read.keys()
    for key, tensor in state.items():
        assert read[key].dtype == tensor.dtype
        assert torch.equal(read[key], tensor)
    assert is_own_file(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_tensors_have_the_names_of_the_weight_table(model, tmp_path):
    save_safetensors(tmp_path / "m.safetensors", model)
    assert load_file(tmp_path / "m.safetensors").keys() == model.model.state_dict().keys()


def test_a_trainer_starts_from_a_checkpoint(tmp_path):
    torch.manual_seed(0)
    data = TinySeries()
    sizes = {"input_size": data.model_sizes()["input_size"], "num_classes": data.num_classes}
    model = BiGRUClassifier(
        **sizes, hidden_size=HIDDEN, optimizer="sgd", learning_rate=1e-30, task="multiclass"
    )
    save_checkpoint(tmp_path / "m.ckpt", model)
    other = BiGRUClassifier(
        **sizes, hidden_size=HIDDEN, optimizer="sgd", learning_rate=1e-30, task="multiclass"
    )
    quiet_trainer(tmp_path, max_epochs=1).fit(other, data, ckpt_path=str(tmp_path / "m.ckpt"))
    for name, tensor in model.state_dict().items():
        assert (other.state_dict()[name] - tensor).abs().max() < 1e-20, name


def test_a_checkpoint_is_weights_only(model, tmp_path):
    save_checkpoint(tmp_path / "m.ckpt", model)
    assert torch.load(tmp_path / "m.ckpt", weights_only=True)["epoch"] == 0


def test_a_keras_file_is_told_how_to_convert(tmp_path):
    path = tmp_path / "model.any"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    for contents in (path.read_bytes(), b"\x89HDF\r\n\x1a\n...", b' {"class_name": 3}'):
        path.write_bytes(contents)
        assert is_keras_file(path)
        with pytest.raises(ValueError, match=re.escape(f"parity convert {path} model.ckpt")):
            load_classifier(path)


def header(metadata, claimed=None):
    text = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", claimed or len(text)) + text


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        pytest.param(header({"a": "b"}), "holds tensors without a model spec", id="foreign"),
        pytest.param(header({"birnn-lightning": "{"}), "no model of ours", id="half a JSON"),
        pytest.param(header({"birnn-lightning": "3"}), "no model of ours", id="a number"),
        pytest.param(header({"a": "b"}, 2**40), "not a checkpoint", id="too long a header"),
        pytest.param(header({"a": "b"})[:-3], "not a checkpoint", id="half a header"),
    ],
)
def test_other_safetensors_are_refused(contents, message, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=message):
        load_classifier(path)


def test_tensors_that_do_not_fit_are_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_safetensors(path, model)
    tensors = load_file(path)
    tensors["layers.head.bias"] = torch.zeros(CLASSES)
    about = json.dumps({"hyper_parameters": model.to_config()})
    save_file(tensors, path, metadata={"birnn-lightning": about})
    with pytest.raises(ValueError, match=r"layers\.head\.bias"):
        load_classifier(path)


@pytest.mark.parametrize("name", SAVERS)
def test_a_failure_leaves_the_old_file(name, model, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_text("old")

    def refuse(*_):
        raise OSError("no space")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="no space"):
        SAVERS[name](path, model)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.ckpt"):
        load_classifier(tmp_path / "nothing.ckpt")


def test_a_folder_is_no_target(model, tmp_path):
    with pytest.raises(OSError, match="no regular file"):
        save_safetensors(tmp_path, model)
