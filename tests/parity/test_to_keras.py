"""A twin is an ordinary Keras model that computes the same and needs nothing of ours."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import ParityUnavailable, assert_parity, copy_weights, to_keras
from parity.inputs import random_inputs, randomise_weights
from parity.suite.cases import Case

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

LENGTHS = "features, lengths"
PRESETS = (
    Case(cell="rnn", pooling="max"),
    Case(cell="rnn", pooling="max", inputs=LENGTHS),
    Case(cell="lstm", pooling="attention"),
    Case(cell="lstm", pooling="attention", inputs=LENGTHS),
    Case(cell="gru", pooling="mean"),
    Case(cell="gru", pooling="mean", inputs=LENGTHS),
)
PREDICT_ELSEWHERE = """
import json, sys
sys.modules["birnn_lightning"] = sys.modules["parity"] = None
import keras, numpy as np
for name in json.loads(sys.argv[1]):
    model = keras.saving.load_model(f"{name}.keras", compile=False)
    given = np.load(f"{name}.npz")
    np.save(f"{name}.npy", model([given[key] for key in sorted(given)], training=False))
"""


def test_twins_are_ordinary_models_that_need_nothing_of_ours(tmp_path, twin_of):
    expected = {}
    for index, case in enumerate(PRESETS):
        model, twin = case.build(), twin_of(case)
        copy_weights(model, twin)
        assert {type(layer).__module__.partition(".")[0] for layer in twin.layers} == {"keras"}
        given = random_inputs(model, case.explicit_mask)
        arrays = given.arrays if given.mask is None else [*given.arrays, given.mask]
        name = f"model{index}"
        twin.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", *arrays)
        expected[name] = model.predict(given.arrays, mask=given.mask)
    subprocess.run(
        [sys.executable, "-P", "-c", PREDICT_ELSEWHERE, json.dumps(list(expected))],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    for name, ours in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), ours, atol=1e-6)


def test_a_model_with_branches_has_a_twin():
    def gru(**settings):
        return specs.Recurrent(cell="gru", hidden_size=5, **settings)

    nodes = (
        Node(name="a", layer=specs.Input(shape=(None, 3))),
        Node(name="a_1", layer=gru(return_sequences=True)),
        Node(name="a_2", layer=gru(return_sequences=True)),
        Node(name="b", layer=specs.Input(shape=(None, 2))),
        Node(name="b_1", layer=gru(return_sequences=True)),
        Node(name="both", layer=specs.Attention(), inputs=("a_2", "b_1")),
        Node(name="last", layer=gru()),
    )
    model = SequenceClassifier(ModelSpec(nodes), "regression")
    randomise_weights(model)
    assert_parity(model, to_keras(model))


def test_a_classifier_in_half_precision_has_no_twin():
    model = Case(cell="gru").build().to(torch.bfloat16)
    with pytest.raises(ParityUnavailable, match="float32 or float64; the model is bfloat16"):
        to_keras(model)
