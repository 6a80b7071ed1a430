"""A spec and a Keras config say the same; what a spec cannot say is refused by name."""

import json

import pytest

from birnn_lightning.nn import specs
from parity import ParityUnavailable
from parity.layer_table import keras_layer, layer_spec, serialized_layer

SPECS = {
    "rnn": specs.Recurrent(
        cell="rnn", hidden_size=5, activation="relu", use_bias=False, return_sequences=True
    ),
    "lstm": specs.Recurrent(
        cell="lstm",
        hidden_size=5,
        activation="softsign",
        recurrent_activation="hard_sigmoid",
        unit_forget_bias=False,
        go_backwards=True,
        zero_output_for_mask=True,
    ),
    "gru": specs.Recurrent(
        cell="gru", hidden_size=7, recurrent_activation="linear", reset_after=False
    ),
    "bidirectional": specs.Bidirectional(
        forward=specs.Recurrent(cell="lstm", hidden_size=5, return_sequences=True),
        backward=specs.Recurrent(
            cell="lstm", hidden_size=5, activation="elu", return_sequences=True, go_backwards=True
        ),
        merge_mode="mul",
    ),
    "embedding": specs.Embedding(vocab_size=23, embedding_dim=3, mask_zero=True),
    "masking": specs.Masking(mask_value=-7.5),
    "dropout": specs.Dropout(rate=0.3),
    "dense": specs.Dense(units=11, activation="gelu", use_bias=False),
    "repeat": specs.RepeatVector(n=3),
    "flatten": specs.Flatten(),
    "max": specs.GlobalMaxPooling1D(),
    "mean": specs.GlobalAveragePooling1D(),
    "attention": specs.Attention(),
}


def lstm_config(**changes):
    """What Keras 3.15 writes for `LSTM(5, name="words")`, with changes."""
    return {
        "name": "words",
        "trainable": True,
        "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}},
        "return_sequences": False,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "zero_output_for_mask": False,
        "units": 5,
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "use_bias": True,
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
        "unit_forget_bias": True,
        "bias_regularizer": {"class_name": "L2", "config": {"l2": 0.1}},
        "kernel_constraint": None,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "seed": 3,
        **changes,
    }


def bidirectional_config(**changes):
    layer = {"class_name": "LSTM", "config": lstm_config()}
    return {"name": "both", "trainable": True, "merge_mode": "concat", "layer": layer, **changes}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_comes_back_from_its_config(spec):
    name, config = keras_layer(spec)
    assert layer_spec(name, json.loads(json.dumps(config))) == spec


def test_every_kind_of_layer_is_in_the_table():
    assert {type(spec).__name__ for spec in SPECS.values()} == specs.LayerSpec.kinds.keys() - {
        "Input",
        "_TimePooling",
    }


def test_a_config_as_keras_writes_it():
    assert layer_spec("LSTM", lstm_config()) == specs.Recurrent(cell="lstm", hidden_size=5)


def test_keras_defaults_are_the_specs_defaults():
    assert layer_spec("GRU", {"units": 5}) == specs.Recurrent(cell="gru", hidden_size=5)
    assert layer_spec("Dense", {"units": 5, "activation": None}) == specs.Dense(units=5)
    assert layer_spec("Dense", {"units": 5, "activation": "swish"}).activation == "silu"  # type: ignore[attr-defined]


def test_bidirectional_forces_the_flag_for_masked_outputs():
    inner = serialized_layer(
        specs.Recurrent(
            cell="gru", hidden_size=5, return_sequences=True, zero_output_for_mask=False
        )
    )
    spec = layer_spec("Bidirectional", bidirectional_config(layer=inner))
    assert isinstance(spec, specs.Bidirectional)
    assert all(direction.zero_output_for_mask for direction in spec.directions)
    assert [direction.go_backwards for direction in spec.directions] == [False, True]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("return_state", True),
        ("stateful", True),
        ("dropout", 0.5),
        ("recurrent_dropout", 0.25),
        ("time_major", True),
        ("use_cudnn", True),
    ],
)
@pytest.mark.parametrize("class_name", ["SimpleRNN", "LSTM", "GRU", "Bidirectional"])
def test_a_recurrent_setting_is_refused_by_name(class_name, setting, value):
    config = {"name": "words", "units": 5, setting: value}
    if class_name == "Bidirectional":
        layer = {"class_name": "LSTM", "config": config}
        class_name, config = "Bidirectional", bidirectional_config(layer=layer)
    with pytest.raises(ParityUnavailable, match=f"layer 'words': {setting}={value} is not"):
        layer_spec(class_name, config)


@pytest.mark.parametrize(
    ("class_name", "config", "text"),
    [
        ("Dropout", {"rate": 0.5, "noise_shape": [None, 1, 3]}, "noise_shape=[None, 1, 3]"),
        ("GlobalMaxPooling1D", {"keepdims": True}, "keepdims=True"),
        ("GlobalAveragePooling1D", {"keepdims": True}, "keepdims=True"),
        ("GlobalMaxPooling1D", {"data_format": "channels_first"}, "data_format='channels_first'"),
        ("Flatten", {"data_format": "channels_first"}, "data_format='channels_first'"),
        ("Attention", {"use_scale": True}, "use_scale=True"),
        ("Attention", {"score_mode": "concat"}, "score_mode='concat'"),
        ("Attention", {"dropout": 0.5}, "dropout=0.5"),
        ("Dense", {"units": 5, "lora_rank": 2}, "lora_rank=2"),
        ("Dense", {"units": 5, "quantization_config": {"class_name": "Int8"}}, "=Int8 is not"),
        ("Embedding", {"input_dim": 5, "output_dim": 3, "lora_rank": 2}, "lora_rank=2"),
        ("Masking", {"mask_value": {"class_name": "__tensor__"}}, "mask_value=__tensor__"),
        ("Dense", {"units": 5, "frobnicate": 1}, "frobnicate=1"),
        ("Dense", {"units": 5, "activation": "swoosh"}, "activation 'swoosh' is not supported"),
        ("LSTM", {"units": 5, "recurrent_activation": "mish"}, "activation 'mish'"),
        ("LSTM", {"units": 5, "activation": {"class_name": "LeakyReLU"}}, "activation LeakyReLU"),
        ("LSTM", {"units": 5, "activation": {"value": "4wEA"}}, "activation a function"),
        ("Softmax", {}, "of class Softmax is not supported"),
        ("Activation", {"activation": "relu"}, "of class Activation"),
        ("Lambda", {}, "of class Lambda"),
        ("MyLayer", {}, "of class MyLayer"),
        ("RNN", {}, "of class RNN"),
        ("Bidirectional", bidirectional_config(time_major=True), "time_major=True"),
        ("Bidirectional", bidirectional_config(weights=[1]), "weights=[1]"),
        (
            "Bidirectional",
            bidirectional_config(layer={"class_name": "Dense", "config": {"units": 5}}),
            "a Dense inside is not supported",
        ),
    ],
)
def test_a_setting_or_a_class_is_refused_by_name(class_name, config, text):
    with pytest.raises(ParityUnavailable) as refused:
        layer_spec(class_name, {**config, "name": "mine"})
    assert "'mine'" in str(refused.value)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"merge_mode": None}, "merge_mode must be one of"),
        (
            {"layer": {"class_name": "LSTM", "config": lstm_config(go_backwards=True)}},
            "forward must have go_backwards=False",
        ),
    ],
)
def test_a_bidirectional_layer_that_no_spec_can_be(changes, text):
    with pytest.raises(ValueError, match=text):
        layer_spec("Bidirectional", bidirectional_config(**changes))


@pytest.mark.parametrize(
    "setting",
    ["implementation", "unroll", "seed", "trainable", "kernel_initializer", "bias_constraint"],
)
def test_settings_without_influence_on_the_output_are_taken(setting):
    assert layer_spec("LSTM", lstm_config(**{setting: 2})) == layer_spec("LSTM", lstm_config())
