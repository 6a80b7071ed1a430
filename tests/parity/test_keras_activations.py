"""An activation setting of Keras is read where it is one of ours, and refused by name elsewhere."""

import pytest

from birnn_lightning.nn.activations import ACTIVATIONS
from parity import ParityUnavailable
from parity.keras_config.activations import keras_activation, read_activation
from parity.keras_config.entry import serialized


def function(name):
    return {"module": "builtins", "class_name": "function", "config": name}


READ = [
    ("tanh", "tanh"),
    (None, "linear"),
    ("swish", "silu"),
    ("hard_swish", "hard_silu"),
    (function("relu"), "relu"),
    (function("swish"), "silu"),
    ({"class_name": "function", "config": "mish", "registered_name": "mish"}, "mish"),
    (serialized("ReLU", {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}), "relu"),
    (serialized("ReLU", {"max_value": 6.0}), "relu6"),
    (serialized("ReLU", {"negative_slope": 0.2}), "leaky_relu"),
    (serialized("LeakyReLU", {"negative_slope": 0.2}), "leaky_relu"),
    ({"class_name": "LeakyReLU", "config": {"alpha": 0.20000000298023224}}, "leaky_relu"),
    (serialized("ELU", {"alpha": 1.0}), "elu"),
    (serialized("Softmax", {"axis": -1}), "softmax"),
    (serialized("Activation", {"activation": "gelu"}), "gelu"),
]
REFUSED = [
    ("swoosh", "'swoosh'"),
    ("glu", "'glu'"),
    ("threshold", "'threshold'"),
    ("hard_sigmoid_keras2", "'hard_sigmoid_keras2'"),
    (3, "3"),
    ({"value": "4wEA"}, "a function of its own"),
    (function("mine"), "'mine'"),
    (function("mine>relu"), "'mine>relu'"),
    (function("birnn_lightning>relu"), "'birnn_lightning>relu'"),
    (serialized("LeakyReLU", {"negative_slope": 0.3}), "LeakyReLU(negative_slope=0.3)"),
    (serialized("LeakyReLU", {}), "LeakyReLU"),
    (serialized("ReLU", {"threshold": 1.5}), "ReLU(threshold=1.5)"),
    (serialized("ReLU", {"max_value": 5.0}), "ReLU(max_value=5.0)"),
    (serialized("ReLU", {"max_value": 6, "negative_slope": 0.2}), "ReLU("),
    (serialized("ELU", {"alpha": 0.5}), "ELU(alpha=0.5)"),
    (serialized("Softmax", {"axis": 1}), "Softmax(axis=1)"),
    (serialized("Activation", {"activation": "glu"}), "Activation"),
    (serialized("PReLU", {}), "PReLU"),
    ({**serialized("ReLU", {}), "registered_name": "mine>ReLU"}, "ReLU"),
    ({"class_name": "ReLU", "config": None}, "ReLU"),
]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_comes_back(name):
    assert read_activation(keras_activation(name), "LSTM", "words") == name


@pytest.mark.parametrize(("value", "name"), READ)
def test_what_is_read(value, name):
    assert read_activation(value, "LSTM", "words") == name


@pytest.mark.parametrize(("value", "text"), REFUSED)
def test_what_is_refused(value, text):
    with pytest.raises(ParityUnavailable) as refused:
        read_activation(value, "LSTM", "words")
    start = f"LSTM layer 'words': activation {text}"
    assert str(refused.value).startswith(start)
    assert " is not supported. Supported: celu, elu, " in str(refused.value)


def test_an_activation_layer_of_another_dtype_would_round():
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
    value = serialized("ReLU", {"dtype": policy})
    assert read_activation(value, "LSTM", "words", dtype="float32") == "relu"
    with pytest.raises(ParityUnavailable, match="activation ReLU is not supported"):
        read_activation(value, "LSTM", "words", dtype="float64")
