"""python -m parity convert and inspect, where no Keras is needed."""

import json

import pytest
import torch

from birnn_lightning import BiLSTMClassifier
from birnn_lightning.model_files import load_classifier, save_checkpoint
from parity.__main__ import main
from parity.inputs import randomise_weights
from parity.keras_files.saving import write_keras


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = BiLSTMClassifier(
        vocab_size=23, embedding_dim=3, hidden_size=5, task="binary", dropout=0.3
    )
    randomise_weights(model)
    save_checkpoint("a.ckpt", model)
    return model


def test_through_keras_and_back_with_the_same_bits(model, capsys):
    assert main(["convert", "a.ckpt", "b.keras"]) == 0
    assert main(["convert", "b.keras", "c.safetensors", "--task", "regression"]) == 0
    shown = capsys.readouterr().out
    assert "bidirectional_1  Bidirectional  (batch, 10)" in shown
    assert "5 layers, 440 parameters" in shown
    assert "Saved by Keras 3.15.1 (keras zip), read as keras3." in shown
    read = load_classifier("c.safetensors")
    assert read.task == "regression"
    for name, tensor in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name


def test_a_copy_is_checked_bit_by_bit(model, capsys):
    assert main(["convert", "a.ckpt", "b.safetensors", "--check"]) == 0
    assert "bit by bit" in capsys.readouterr().out


def test_a_changed_copy_is_noticed(model, capsys, monkeypatch):
    def write_another(path, classifier):
        randomise_weights(classifier, seed=1)
        save_checkpoint(path, classifier)
        randomise_weights(classifier)

    monkeypatch.setitem(
        __import__("parity.commands.convert", fromlist=["WRITERS"]).WRITERS, ".ckpt", write_another
    )
    assert main(["convert", "a.ckpt", "b.ckpt", "--check"]) == 1
    assert "differs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["a.ckpt", "b.onnx"], "TARGET must end in one of .keras, ", id="kind"),
        pytest.param(["a.ckpt", "old.keras"], "old.keras exists.", id="exists"),
        pytest.param(["a.ckpt", "a.ckpt", "--force"], "are the same file", id="same"),
        pytest.param(["no.keras", "b.ckpt"], "model file not found: no.keras", id="missing"),
        pytest.param(["old.keras", "b.ckpt"], "", id="no model"),
        pytest.param(["a.ckpt", "b.ckpt", "--task", "multiclass"], "", id="task"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, message, model, tmp_path, capsys):
    (tmp_path / "old.keras").write_text("old")
    if "--task" in arguments:
        (tmp_path / "b.ckpt").mkdir()
    assert main(["convert", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert (tmp_path / "old.keras").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} <= {"a.ckpt", "old.keras", "b.ckpt"}
    assert not (tmp_path / "b.ckpt").is_file()


def test_force_replaces(model, tmp_path):
    (tmp_path / "b.keras").write_text("old")
    assert main(["convert", "a.ckpt", "b.keras", "--force"]) == 0
    assert main(["inspect", "b.keras"]) == 0


def test_inspect_tells_what_there_is(model, capsys):
    write_keras("b.keras", model)
    assert main(["inspect", "b.keras", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["container"] == "keras zip"
    assert found["saved by"] == "Keras 3.15.1"
    assert found["semantics"] == "keras3"
    assert found["inputs"] == {"tokens": [None]}
    assert found["outputs"] == {"head": [1]}
    assert found["parameters"] == 440
    assert found["refused"] == []


def test_inspect_tells_everything_that_is_refused(tmp_path, capsys):
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 7, 3], "name": "given"}},
        {"class_name": "Mystery", "module": "own.layers", "config": {"name": "mystery"}},
        {"class_name": "LSTM", "config": {"units": 5, "activation": "strange", "name": "odd"}},
    ]
    path = tmp_path / "model.json"
    path.write_text(
        json.dumps(
            {
                "class_name": "Sequential",
                "config": {"name": "m", "layers": layers},
                "keras_version": "2.9.0",
            }
        )
    )
    assert main(["inspect", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "Mystery" in shown.partition("refused")[2]
    assert "strange" in shown.partition("refused")[2]
