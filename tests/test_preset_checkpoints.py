"""A preset loads the checkpoints of its own kind and refuses the others by name."""

from pathlib import Path

import pytest

from birnn_lightning import (
    BiGRUClassifier,
    BiLSTMClassifier,
    BiRNNClassifier,
    SequenceClassifier,
    nn,
)
from birnn_lightning.model_files import save_checkpoint
from birnn_lightning.nn.specs import Dense, Input, ModelSpec, Node
from birnn_lightning.presets import PRESETS, BidirectionalClassifier
from tests.nn.samples import HIDDEN, INPUT

LSTM, GRU = (nn.specs.Recurrent(cell=cell, hidden_size=HIDDEN) for cell in ("lstm", "gru"))


def saved(model: SequenceClassifier, folder: Path) -> Path:
    path = folder / "model.ckpt"
    save_checkpoint(path, model)
    return path


def of_layers(*layers: nn.specs.LayerSpec) -> SequenceClassifier:
    chain = (Input(shape=(None, INPUT)), *layers, Dense(units=1))
    nodes = (Node(name=f"layer_{index}", layer=layer) for index, layer in enumerate(chain))
    return SequenceClassifier(ModelSpec(tuple(nodes)), "regression")


@pytest.mark.parametrize("saver", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("loader", PRESETS.values(), ids=PRESETS)
def test_another_cell_is_refused(
    saver: type[BidirectionalClassifier], loader: type[BidirectionalClassifier], tmp_path: Path
) -> None:
    path = saved(saver(input_size=INPUT, hidden_size=HIDDEN, task="binary"), tmp_path)
    if loader is saver:
        assert type(loader.load_from_checkpoint(path)) is loader
        return
    message = (
        rf"^{loader.__name__} takes a model whose recurrent layers are all bi{loader.cell}; this "
        rf"one has 'bidirectional_1' \(bi{saver.cell}\)\. Load it with {saver.__name__} or "
        r"SequenceClassifier, which takes every model\.$"
    )
    with pytest.raises(ValueError, match=message):
        loader.load_from_checkpoint(path)
    assert type(SequenceClassifier.load_from_checkpoint(path)) is SequenceClassifier
    assert type(BidirectionalClassifier.load_from_checkpoint(path)) is BidirectionalClassifier


@pytest.mark.parametrize(
    ("model", "found"),
    [
        pytest.param(of_layers(LSTM), r"'layer_1' \(lstm\)", id="one direction"),
        pytest.param(of_layers(nn.specs.GlobalMaxPooling1D()), "none", id="no recurrent layer"),
        pytest.param(
            of_layers(
                nn.specs.Bidirectional(
                    forward=nn.specs.Recurrent(cell="lstm", hidden_size=3, return_sequences=True)
                ),
                nn.specs.Bidirectional(forward=GRU),
            ),
            r"'layer_1' \(bilstm\), 'layer_2' \(bigru\)",
            id="two kinds",
        ),
    ],
)
@pytest.mark.parametrize("loader", [BiLSTMClassifier, BiRNNClassifier, BidirectionalClassifier])
def test_what_no_preset_builds_is_refused(
    loader: type[BidirectionalClassifier], model: SequenceClassifier, found: str, tmp_path: Path
) -> None:
    path = saved(model, tmp_path)
    with pytest.raises(ValueError, match=rf"one has {found}\. Load it with SequenceClassifier, "):
        loader.load_from_checkpoint(path)


def test_a_model_of_the_kind_may_have_been_built_otherwise(tmp_path: Path) -> None:
    path = saved(of_layers(nn.specs.Bidirectional(forward=GRU)), tmp_path)
    assert BiGRUClassifier.load_from_checkpoint(path).spec.nodes[1].name == "layer_1"
