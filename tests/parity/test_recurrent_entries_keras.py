"""Keras takes the config of every recurrent spec, and writes one that reads as the same spec."""

import json

import numpy as np
import pytest

from birnn_lightning.nn.specs import Bidirectional
from parity.keras_config.activations import PACKAGE
from parity.keras_config.table import keras_layer, layer_spec
from parity.layout import layer_rows
from tests.parity.test_recurrent_entries import SPECS, initializers_of

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the layers are those of Keras on TensorFlow")

BATCH, TIME, FEATURES = 2, 7, 13
UNCALLABLE = {"pair of everything": "Bidirectional(return_state, stateful) fails in compute_mask"}
"""Layers that Keras 3.15 builds and cannot call, with or without a mask."""
CALLABLE = {name: spec for name, spec in SPECS.items() if name not in UNCALLABLE}


@pytest.fixture(autouse=True)
def known_functions():
    """Keras knows our own activation while a test runs."""
    import keras

    def hard_sigmoid_keras2(x):
        return keras.ops.clip(0.2 * x + 0.5, 0, 1)

    keras.saving.register_keras_serializable(PACKAGE)(hard_sigmoid_keras2)
    name = keras.saving.get_registered_name(hard_sigmoid_keras2)
    with keras.saving.custom_object_scope({name: hard_sigmoid_keras2}):
        yield


def keras_of(spec):
    import keras

    name, config = keras_layer(spec)
    return getattr(keras.layers, name).from_config(config)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_keras_writes_the_same_spec(spec):
    layer = keras_of(spec)
    config = json.loads(json.dumps(layer.get_config()))
    back = layer_spec(type(layer).__name__, config)
    assert back == spec
    assert initializers_of(back) == initializers_of(spec)


@pytest.mark.parametrize("spec", CALLABLE.values(), ids=CALLABLE)
def test_each_variable_has_one_row_of_its_shape(spec):
    import keras

    layer = keras_of(spec)
    layer(np.zeros((BATCH, TIME, FEATURES), "float32"))
    found = []
    for row in layer_rows(spec, "layer", "torch"):
        owner = layer
        for step in row.keras.split("/")[1:]:
            owner = owner[int(step)] if step.isdecimal() else getattr(owner, step)
        assert isinstance(owner, keras.Variable)
        found.append(id(owner))
    assert sorted(found) == sorted(id(weight) for weight in layer.trainable_weights)


@pytest.mark.parametrize("spec", CALLABLE.values(), ids=CALLABLE)
def test_output_shapes(spec):
    import keras

    outputs = keras_of(spec)(np.zeros((BATCH, TIME, FEATURES), "float32"))
    shapes = [tuple(one.shape[1:]) for one in keras.tree.flatten(outputs)]
    assert shapes == list(spec.output_shapes((TIME, FEATURES)))


@pytest.mark.parametrize("name", UNCALLABLE)
def test_what_keras_cannot_call_is_still_so(name):
    with pytest.raises(TypeError, match="unsupported operand type"):
        keras_of(SPECS[name])(np.zeros((BATCH, TIME, FEATURES), "float32"))


def test_merging_is_among_the_specs():
    """Otherwise the tests above would say nothing of a pair of outputs."""
    modes = {spec.merge_mode for spec in SPECS.values() if isinstance(spec, Bidirectional)}
    assert modes == {"concat", "sum", "mul", "ave", None}


def test_layer_activations_read_as_keras_applies_them():
    import keras

    layers = keras.layers
    for activation, name in (
        (layers.LeakyReLU(0.2), "leaky_relu"),
        (layers.ReLU(max_value=6), "relu6"),
        (layers.ReLU(negative_slope=0.2), "leaky_relu"),
        (layers.ELU(), "elu"),
        (layers.Softmax(), "softmax"),
        (layers.Activation("mish"), "mish"),
        (keras.activations.hard_silu, "hard_silu"),
    ):
        layer = layers.LSTM(5, activation=activation)
        spec = layer_spec("LSTM", json.loads(json.dumps(layer.get_config())))
        assert spec.activation == name  # type: ignore[attr-defined]
        x = np.linspace(-7, 7, 60).reshape(5, 12).astype("float32")
        np.testing.assert_array_equal(activation(x), getattr(keras.activations, name)(x))
