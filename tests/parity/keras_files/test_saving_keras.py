"""Keras loads what is written: the same bits, the same predictions, the layers in its own order."""

import json

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the TensorFlow backend of Keras")

from birnn_lightning import SequenceClassifier
from birnn_lightning.model_files import load_classifier, save_checkpoint, save_safetensors
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import keras_model
from parity.convert import torch_state
from parity.inputs import random_inputs, randomise_weights
from parity.keras_files.reading import read_keras
from parity.keras_files.saving import write_keras, write_weights_h5
from parity.layout import keras_arrays, rows
from parity.suite.grids import grid

pytestmark = pytest.mark.tensorflow

BATCH = 3
# Every case of the grid has passed; a sample of them fits a test.
CASES = [case for case in grid("quick") if "stateful" not in case.name][::19]
RECURRENT = specs.Recurrent(cell="gru", hidden_size=5)


def classifier_of(case):
    built = case.build()
    model = built if isinstance(built, SequenceClassifier) else SequenceClassifier(built.spec)
    if built is not model:
        randomise_weights(model)
    return model.float()


def loaded_by_keras(path, model):
    """Keras's model, after every weight was found to have the same bits as ours."""
    theirs = keras_model.load(path)
    arrays = keras_arrays(rows(model.spec), torch_state(model))
    read = keras_model.read_variables(theirs, list(arrays))
    assert len(theirs.get_weights()) == len(arrays)
    for name, array in arrays.items():
        assert np.array_equal(read[name], array), name
    return theirs


def layer_names(config):
    return [one["name"] for one in config["layers"] if one["module"] != "keras.src.ops.numpy"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_kind_of_file_gives_the_same_bits(case, tmp_path):
    model = classifier_of(case)
    save_checkpoint(tmp_path / "a.ckpt", model)
    write_keras(tmp_path / "b.keras", load_classifier(tmp_path / "a.ckpt"))
    theirs = loaded_by_keras(tmp_path / "b.keras", model)
    theirs.save(tmp_path / "c.keras")
    save_safetensors(tmp_path / "d.safetensors", read_keras(tmp_path / "c.keras").classifier)
    state, read = torch_state(model), torch_state(load_classifier(tmp_path / "d.safetensors"))
    assert state.keys() == read.keys()
    for name, array in state.items():
        assert np.array_equal(read[name], array), name


def branches(**outputs):
    """Weights of one class in two branches, a shared layer, masks of two kinds, states given on."""
    nodes = (
        Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64")),
        Node(name="features", layer=specs.Input(shape=(None, 3))),
        Node(
            name="embedding",
            layer=specs.Embedding(vocab_size=11, embedding_dim=3, mask_zero=True),
            inputs=("tokens",),
        ),
        Node(name="masking", layer=specs.Masking(mask_value=0.5), inputs=("features",)),
        Node(name="both", layer=specs.Concatenate(axis=-1), inputs=("masking", "features")),
        Node(
            name="encoder",
            layer=specs.Recurrent(
                cell="gru", hidden_size=5, return_sequences=True, return_state=True
            ),
        ),
        Node(name="first", layer=RECURRENT, inputs=("embedding", "encoder:1")),
        Node(name="second", layer=RECURRENT, inputs=("masking",)),
        Node(name="shared", layer=specs.Dense(units=7), inputs=("second",)),
        Node(name="again", layer=specs.Dense(units=7), inputs=("first",), shares="shared"),
        Node(name="sum", layer=specs.Add(), inputs=("again", "shared")),
        Node(name="head", layer=specs.Dense(units=7, activation="softmax")),
    )
    return ModelSpec(nodes, **outputs)


@pytest.mark.parametrize("outputs", [("head",), ("head", "again")], ids=["one", "two"])
def test_graphs_keep_their_layers_apart(outputs, tmp_path):
    model = SequenceClassifier(branches(outputs=outputs), "multiclass")
    randomise_weights(model)
    path = tmp_path / "model.keras"
    write_keras(path, model)
    theirs = loaded_by_keras(path, model)
    given = random_inputs(model)
    ours = model.predict(given.arrays)
    for our, their in zip(
        [ours] if len(outputs) == 1 else ours,
        keras_model.keras.tree.flatten(theirs(given.arrays, training=False)),
        strict=True,
    ):
        assert np.abs(our - np.asarray(their)).max() < 1e-5  # rounding of float32
    written = read_keras(path)
    assert written.classifier.spec.outputs == model.spec.outputs or len(outputs) == 2
    rewritten = json.loads(json.dumps(theirs.get_config()))
    assert layer_names(rewritten) == layer_names(written.file.config)


def test_weights_alone_load_into_the_same_model(tmp_path):
    spec = branches()
    model, other = (SequenceClassifier(spec, "multiclass").double() for _ in range(2))
    randomise_weights(model, seed=1)
    randomise_weights(other, seed=2)
    write_keras(tmp_path / "other.keras", other)
    write_weights_h5(tmp_path / "model.weights.h5", model)
    theirs = loaded_by_keras(tmp_path / "other.keras", other)
    theirs.load_weights(tmp_path / "model.weights.h5")
    arrays = keras_arrays(rows(spec), torch_state(model))
    read = keras_model.read_variables(theirs, list(arrays))
    for name, array in arrays.items():
        assert array.dtype == np.float64
        assert np.array_equal(read[name], array), name


def test_a_stateful_layer_needs_the_batch_size(tmp_path):
    spec = ModelSpec(
        (
            Node(name="features", layer=specs.Input(shape=(None, 3))),
            Node(name="gru", layer=specs.Recurrent(cell="gru", hidden_size=5, stateful=True)),
            Node(name="head", layer=specs.Dense(units=7)),
        )
    )
    model = SequenceClassifier(spec, "regression")
    randomise_weights(model)
    with pytest.raises(keras_model.ParityUnavailable, match="'gru' is stateful"):
        write_keras(tmp_path / "model.keras", model)
    assert not list(tmp_path.iterdir())
    write_keras(tmp_path / "model.keras", model, batch_size=BATCH)
    theirs = keras_model.load(tmp_path / "model.keras")
    assert keras_model.batch_size_of(theirs) == BATCH
