"""Files that Keras 2 and Keras 3 write become models that predict the same."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import parity
from birnn_lightning import CustomLayer
from birnn_lightning.model_files import load_classifier, save_checkpoint
from birnn_lightning.nn.specs.custom import CUSTOM_LAYERS
from parity.keras_source import KerasFileNote, load_weights

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::parity.keras_source.KerasFileNote"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    # Layers of Keras that do not hand a mask on say so.
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning"),
]
tf: Any = pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the reference is Keras 3")
k2: Any = pytest.importorskip("tf_keras", reason="tf_keras is Keras 2")

from tests.parity import test_graphs_keras as graphs_of_keras3  # noqa: E402
from tests.parity.keras_files.users_models import MODELS, inputs_of, randomised  # noqa: E402

ALLOWED = 1e-5
"""Of the largest output, at least 1: the difference of two float32 computations."""


def outputs_of(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    listed = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [np.asarray(output) for output in listed]


def assert_same(ours: Any, inputs: list[np.ndarray], expected: list[np.ndarray]) -> None:
    ours.reset_states()
    predicted = ours.predict(inputs)
    outputs = predicted if isinstance(predicted, list) else [predicted]
    for output, wanted in zip(outputs, expected, strict=True):
        assert output.shape == wanted.shape
        assert np.abs(output - wanted).max() <= ALLOWED * max(1, np.abs(wanted).max())


def check(model: Any, inputs: list[np.ndarray], path: Path) -> None:
    expected = outputs_of(model, inputs)
    model.save(path)
    assert_same(parity.from_keras(path), inputs, expected)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("version", [2, 3])
def test_a_users_model(version: int, build: Any, ending: str, tmp_path: Path) -> None:
    model = randomised(build(k2 if version == 2 else keras))
    check(model, inputs_of(model), tmp_path / f"model.{ending}")


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("build", graphs_of_keras3.MODELS, ids=lambda build: build.__name__)
def test_a_graph_of_keras_3(build: Any, ending: str, tmp_path: Path) -> None:
    model = randomised(build())
    random, inputs = np.random.default_rng(3), []
    takes_tokens = any(isinstance(one, keras.layers.Embedding) for one in model._flatten_layers())
    for tensor in model.inputs:
        shape = (2, *(size or graphs_of_keras3.TIME for size in tensor.shape[1:]))
        tokens = random.integers(0, graphs_of_keras3.WORDS, shape).astype("int32")
        inputs.append(tokens if takes_tokens else random.standard_normal(shape).astype("float32"))
    check(model, inputs, tmp_path / f"model.{ending}")


@pytest.mark.parametrize("version", [2, 3])
def test_weights_alone_load_into_a_model(version: int, tmp_path: Path) -> None:
    k: Any = k2 if version == 2 else keras
    path = tmp_path / ("weights.h5" if version == 2 else "model.weights.h5")
    model, other = (randomised(MODELS[0](k)) for _ in range(2))
    other.save(tmp_path / "model.keras")
    ours = parity.from_keras(tmp_path / "model.keras")
    model.set_weights([array + 0.1 for array in model.get_weights()])
    model.save_weights(path)
    load_weights(ours, path)
    inputs = inputs_of(model)
    assert_same(ours, inputs, outputs_of(model, inputs))


def test_strings_become_the_same_tokens(tmp_path: Path) -> None:
    texts: Any = np.array(["A good film!", "bad, BAD film", "good \t or bad?"])
    vectorize = keras.layers.TextVectorization(max_tokens=7, output_sequence_length=5)
    vectorize.adapt(texts[:2])
    rest = [keras.layers.Embedding(7, 3), keras.layers.GRU(5), keras.layers.Dense(1)]
    model = randomised(keras.Sequential([keras.Input((1,), dtype="string"), vectorize, *rest]))
    expected = np.asarray(model(tf.constant(texts[:, None])))
    model.save(tmp_path / "model.keras")
    ours = parity.from_keras(tmp_path / "model.keras")
    assert ours.preprocessing is not None
    strings: Any = [str(text) for text in texts]
    batch = ours.preprocessing(strings)
    found = ours.predict(batch.inputs)
    assert np.abs(found - expected).max() <= ALLOWED


def test_what_a_version_means_otherwise_is_told(tmp_path: Path) -> None:
    layer = k2.layers.LSTM(5, recurrent_activation="hard_sigmoid")
    model = k2.Sequential([k2.Input((7, 3)), layer])
    model.save(tmp_path / "model.h5")
    with pytest.warns(KerasFileNote, match="hard_sigmoid is clip"):
        parity.from_keras(tmp_path / "model.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parity.from_keras(tmp_path / "model.h5", semantics="keras3")


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("version", [2, 3])
def test_an_adapted_normalization(version: int, ending: str, tmp_path: Path) -> None:
    k: Any = k2 if version == 2 else keras
    frames = np.random.default_rng(9).normal(3, 2, (11, 7, 5)).astype("float32")
    scaled = k.layers.Normalization()
    scaled.adapt(frames)
    rest = [k.layers.Rescaling(0.5, offset=0.1), k.layers.GRU(3), k.layers.Dense(2)]
    model = k.Sequential([k.Input((7, 5)), scaled, *rest])
    check(model, [frames], tmp_path / f"model.{ending}")


def test_a_custom_layer_is_refused_or_given(tmp_path: Path) -> None:
    class Gate(keras.layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.w = self.add_weight(shape=(shape[-1], shape[-1]), name="w")

        def call(self, inputs: Any) -> Any:
            return inputs * keras.ops.sigmoid(keras.ops.matmul(inputs, self.w))

    class OurGate(torch.nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.score = torch.nn.Linear(size, size, bias=False)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * torch.sigmoid(self.score(inputs))

    inputs = np.random.default_rng(9).normal(size=(3, 7, 5)).astype("float32")
    model = randomised(keras.Sequential([keras.Input((7, 5)), Gate(), keras.layers.GRU(3)]))
    expected = outputs_of(model, [inputs])
    model.save(tmp_path / "model.keras")
    with pytest.raises(parity.ParityUnavailable, match="is of the custom class Gate"):
        parity.from_keras(tmp_path / "model.keras")
    layer = CustomLayer(
        build=lambda settings, shape: OurGate(shape[-1]), weights={"w": "score.weight.T"}
    )
    try:
        ours = parity.from_keras(tmp_path / "model.keras", custom_layers={"Gate": layer})
        assert_same(ours, [inputs], expected)
        save_checkpoint(tmp_path / "model.ckpt", ours)
        assert_same(load_classifier(tmp_path / "model.ckpt"), [inputs], expected)
    finally:
        CUSTOM_LAYERS.pop("Gate", None)
    with pytest.raises(ValueError, match="'Gate', which is not registered"):
        load_classifier(tmp_path / "model.ckpt")
