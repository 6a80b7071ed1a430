"""A recurrent spec and a Keras config say the same; what a spec cannot say is refused by name."""

import json
import re
from typing import Any

import pytest

from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack
from birnn_lightning.nn.specs.initializers import Constant, TruncatedNormal, VarianceScaling
from parity import ParityUnavailable
from parity.keras_config.entry import serialized
from parity.keras_config.table import keras_layer, layer_spec, serialized_layer

GRU = Recurrent(cell="gru", hidden_size=7, recurrent_activation="hard_tanh", reset_after=False)
LSTM = Recurrent(
    cell="lstm",
    hidden_size=5,
    activation="softsign",
    recurrent_activation="hard_sigmoid_keras2",
    unit_forget_bias=False,
    dropout=0.3,
    recurrent_dropout=0.2,
    kernel_initializer=TruncatedNormal(stddev=0.7),
    recurrent_initializer=VarianceScaling(scale=3.0),
    bias_initializer=Constant(value=-2.0),
)
STATES: dict[str, Any] = {"return_state": True, "stateful": True}
STACK = RecurrentStack(cells=(LSTM, GRU, Recurrent(cell="rnn", hidden_size=3)))
SPECS = {
    "rnn": Recurrent(
        cell="rnn", hidden_size=5, activation="relu", use_bias=False, return_sequences=True
    ),
    "lstm": LSTM,
    "lstm, backwards": Recurrent(
        cell="lstm", hidden_size=5, go_backwards=True, zero_output_for_mask=True, **STATES
    ),
    "gru": GRU,
    "stack": STACK,
    "stack of one": RecurrentStack(cells=(GRU,), return_sequences=True, **STATES),
    "stack, backwards": RecurrentStack(
        cells=(GRU, LSTM), go_backwards=True, zero_output_for_mask=True
    ),
    "bidirectional": Bidirectional(
        forward=Recurrent(cell="lstm", hidden_size=5, return_sequences=True),
        backward=Recurrent(
            cell="lstm", hidden_size=5, activation="elu", return_sequences=True, go_backwards=True
        ),
        merge_mode="mul",
    ),
    "pair": Bidirectional(forward=LSTM, merge_mode=None),
    "forward reads backwards": Bidirectional(
        forward=Recurrent(cell="gru", hidden_size=5, go_backwards=True, return_state=True),
        backward=Recurrent(cell="lstm", hidden_size=7, return_state=True),
        merge_mode=None,
    ),
    "stateful pair": Bidirectional(
        forward=RecurrentStack(cells=(GRU, LSTM), return_sequences=True, stateful=True),
        merge_mode="sum",
    ),
    "pair of everything": Bidirectional(
        forward=Recurrent(cell="gru", hidden_size=5, return_sequences=True, **STATES)
    ),
    "bidirectional stack": Bidirectional(forward=STACK, merge_mode="ave"),
    "stack and layer": Bidirectional(
        forward=STACK, backward=Recurrent(cell="rnn", hidden_size=2, go_backwards=True)
    ),
}
INITIALIZERS = ("kernel_initializer", "recurrent_initializer", "bias_initializer")


def initializers_of(spec):
    """Specs that differ in initialisers alone are equal, so those are compared apart."""
    directions = spec.directions if isinstance(spec, Bidirectional) else (spec,)
    cells = [cell for direction in directions for cell in direction.cells]
    return [getattr(cell, name) for cell in cells for name in INITIALIZERS]


def cell_config(**changes):
    """What Keras 3.15 writes for `LSTMCell(5, name="words")`, with changes."""
    return {
        "name": "words",
        "trainable": True,
        "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}},
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


def lstm_config(**changes):
    """What Keras 3.15 writes for `LSTM(5, name="words")`, with changes."""
    return {
        **cell_config(),
        "return_sequences": False,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "zero_output_for_mask": False,
        **changes,
    }


def rnn_config(*cells, **changes):
    cell = serialized("StackedRNNCells", {"name": "cells", "trainable": True, "cells": list(cells)})
    return {"name": "words", "trainable": True, "cell": cell, **changes}


def bidirectional_config(**changes):
    layer = {"class_name": "LSTM", "config": lstm_config()}
    return {"name": "both", "trainable": True, "merge_mode": "concat", "layer": layer, **changes}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_comes_back_from_its_config(spec):
    name, config = keras_layer(spec)
    back = layer_spec(name, json.loads(json.dumps(config)))
    assert back == spec
    assert initializers_of(back) == initializers_of(spec)


def test_configs_as_keras_writes_them():
    lstm = Recurrent(cell="lstm", hidden_size=5)
    cell = serialized("LSTMCell", cell_config())
    assert layer_spec("LSTM", lstm_config()) == lstm
    assert layer_spec("RNN", rnn_config(cell, cell)) == RecurrentStack(cells=(lstm, lstm))


def test_an_rnn_around_one_cell_is_that_cells_layer():
    cell = serialized("LSTMCell", cell_config(dropout=0.3))
    config = {"cell": cell, "return_sequences": True, "go_backwards": True, "stateful": True}
    assert layer_spec("RNN", config) == Recurrent(
        cell="lstm",
        hidden_size=5,
        dropout=0.3,
        return_sequences=True,
        go_backwards=True,
        stateful=True,
    )


def test_keras_defaults_are_the_specs_defaults():
    assert layer_spec("GRU", {"units": 5}) == Recurrent(cell="gru", hidden_size=5)
    pair = Bidirectional(forward=Recurrent(cell="gru", hidden_size=5))
    inner = {"class_name": "GRU", "config": {"units": 5}}
    assert layer_spec("Bidirectional", {"layer": inner}) == pair


def test_bidirectional_forces_the_flag_for_masked_outputs():
    inner = serialized_layer(
        Recurrent(cell="gru", hidden_size=5, return_sequences=True, zero_output_for_mask=False)
    )
    spec = layer_spec("Bidirectional", bidirectional_config(layer=inner))
    assert isinstance(spec, Bidirectional)
    assert all(direction.zero_output_for_mask for direction in spec.directions)
    assert [direction.go_backwards for direction in spec.directions] == [False, True]


@pytest.mark.parametrize(
    ("setting", "value"), [("time_major", True), ("use_cudnn", True), ("frobnicate", 1)]
)
@pytest.mark.parametrize("class_name", ["SimpleRNN", "LSTM", "GRU", "RNN", "cell", "inside"])
def test_a_setting_is_refused_by_name(class_name, setting, value):
    config = {"name": "words", "units": 5, setting: value}
    if class_name == "RNN":
        config = rnn_config(**{setting: value})
    if class_name == "cell":
        class_name, config = "RNN", rnn_config(serialized("GRUCell", config))
    if class_name == "inside":
        layer = {"class_name": "LSTM", "config": config}
        class_name, config = "Bidirectional", bidirectional_config(layer=layer)
    with pytest.raises(ParityUnavailable, match=f"layer 'words': {setting}={value} is not"):
        layer_spec(class_name, config)


@pytest.mark.parametrize(
    ("class_name", "config", "text"),
    [
        ("LSTM", lstm_config(activation="swoosh"), "LSTM layer 'words': activation 'swoosh' is"),
        ("LSTM", lstm_config(units=None), "LSTM layer 'words': units=None is not supported"),
        ("GRU", {"units": 5, "implementation": 1, "dropout": 0.3}, "implementation=1 with dropout"),
        (
            "RNN",
            rnn_config(serialized("LSTMCell", cell_config(implementation=1, dropout=0.3))),
            "LSTMCell layer 'words': implementation=1 with dropout=0.3",
        ),
        ("RNN", {"name": "r", "cell": serialized("MyCell", {})}, "'r': a cell of class MyCell is"),
        (
            "RNN",
            {"name": "r", "cell": {**serialized("GRUCell", {}), "registered_name": "m>GRUCell"}},
            "RNN layer 'r': a cell of class GRUCell is not supported",
        ),
        ("RNN", rnn_config(serialized("StackedRNNCells", {"cells": []})), "class StackedRNNCells"),
        (
            "RNN",
            {"name": "r", "cell": serialized("StackedRNNCells", {"name": "s", "reverse": True})},
            "StackedRNNCells layer 's': reverse=True is not supported",
        ),
        ("LSTMCell", cell_config(), "layer 'words' of class LSTMCell is not supported"),
        ("Bidirectional", bidirectional_config(time_major=True), "'both': time_major=True"),
        ("Bidirectional", bidirectional_config(weights=[1]), "'both': weights=[1]"),
        (
            "Bidirectional",
            bidirectional_config(layer={"class_name": "Dense", "config": {"units": 5}}),
            "'both': a Dense inside is not supported. Supported: SimpleRNN, LSTM, GRU, RNN.",
        ),
        (
            "Bidirectional",
            bidirectional_config(backward_layer={"class_name": "LSTMCell", "config": {}}),
            "'both': a LSTMCell inside is not supported",
        ),
    ],
)
def test_what_is_refused(class_name, config, text):
    with pytest.raises(ParityUnavailable, match=re.escape(text)):
        layer_spec(class_name, config)


@pytest.mark.parametrize(
    ("class_name", "config", "text"),
    [
        ("LSTM", lstm_config(dropout=1.0), "dropout must be at least 0 and less than 1; got 1.0"),
        ("RNN", rnn_config(), "cells must hold at least one cell"),
        ("Bidirectional", bidirectional_config(merge_mode="max"), "merge_mode must be one of"),
        (
            "Bidirectional",
            bidirectional_config(
                layer={"class_name": "LSTM", "config": lstm_config(go_backwards=True)}
            ),
            "must differ in go_backwards; got True in both",
        ),
    ],
)
def test_a_layer_that_no_spec_can_be(class_name, config, text):
    with pytest.raises(ValueError, match=text):
        layer_spec(class_name, config)


@pytest.mark.parametrize(
    "setting",
    ["implementation", "unroll", "seed", "trainable", "kernel_initializer"],
)
def test_settings_without_influence_on_the_output_are_taken(setting):
    assert layer_spec("LSTM", lstm_config(**{setting: 2})) == layer_spec("LSTM", lstm_config())


def test_a_setting_of_keras_2_is_taken_where_it_says_nothing():
    assert layer_spec("LSTM", lstm_config(time_major=False, implementation=1)) == layer_spec(
        "LSTM", lstm_config()
    )


def test_an_initialiser_that_is_none_of_ours_is_the_default():
    spec = layer_spec("GRU", {"units": 5, "bias_initializer": {"class_name": "Mine", "config": {}}})
    assert initializers_of(spec) == initializers_of(Recurrent(cell="gru", hidden_size=5))
