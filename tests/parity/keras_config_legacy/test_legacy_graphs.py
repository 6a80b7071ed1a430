"""Graphs in the form of Keras 2, written by hand, become graphs in the form of Keras 3."""

import pytest

from parity.keras_config.legacy import normalized_model
from parity.results import ParityUnavailable

SHAPE = [None, 7, 3]


def node(class_name, name, inbound, **settings):
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **settings},
        "inbound_nodes": inbound,
    }


def source(name="x"):
    return node("InputLayer", name, [], batch_input_shape=SHAPE, dtype="float32")


def normal(layers, output, inputs=(("x", 0, 0),), version="2.2.4"):
    config = {
        "name": "model",
        "layers": layers,
        "input_layers": [list(one) for one in inputs],
        "output_layers": [list(output)],
    }
    return normalized_model("Model", config, keras_version=version, backend=None)


def history(*reference):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": list(reference)}}


def calls(model, name):
    return next(one["inbound_nodes"] for one in model.config["layers"] if one["name"] == name)


def test_further_inputs_of_a_recurrent_layer_are_its_states():
    encoder = node("LSTM", "encoder", [[["x", 0, 0, {}]]], units=5, return_state=True)
    states = [["x", 0, 0, {}], ["encoder", 0, 1, {}], ["encoder", 0, 2, {}]]
    decoder = node("LSTM", "decoder", [states], units=5)
    (call,) = calls(normal([source(), encoder, decoder], ("decoder", 0, 0)), "decoder")
    assert call == {
        "args": [history("x", 0, 0)],
        "kwargs": {"initial_state": [history("encoder", 0, 1), history("encoder", 0, 2)]},
    }


@pytest.mark.parametrize(("inner_class", "at_the_end"), [("Model", 1), ("Sequential", 0)])
def test_calls_of_an_inner_model_are_counted_as_keras_3_does(inner_class, at_the_end):
    dense = node("Dense", "dense", [[["y", 0, 0, {}]]], units=5)
    inner = {"name": "inner", "layers": [source("y"), dense],
             "input_layers": [["y", 0, 0]], "output_layers": [["dense", 0, 0]]}  # fmt: skip
    used = {"class_name": inner_class, "name": "inner", "config": inner,
            "inbound_nodes": [[["x", 0, 0, {}]], [["z", 0, 0, {}]]]}  # fmt: skip
    if inner_class == "Sequential":
        used["config"] = {"name": "inner", "layers": [source("y"), dense]}
    added = node("Add", "add", [[["inner", 1, 0, {}], ["inner", 2, 0, {}]]])
    layers = [source(), source("z"), used, added]
    inputs = (("x", 0, 0), ("z", 0, 0))
    model = normal(layers, ("inner", 2, 0), inputs)
    assert calls(model, "add")[0]["args"] == [[history("inner", 0, 0), history("inner", 1, 0)]]
    assert model.config["output_layers"] == ["inner", 1 + at_the_end, 0]


def test_an_unknown_function_stays_as_it_is():
    function = node("TFOpLambda", "tf.roll", [["x", 0, 0, {"shift": 1}]], function="roll")
    model = normal([source(), function], ("tf.roll", 0, 0), version="2.15.0")
    assert model.config["layers"][1]["class_name"] == "TFOpLambda"


def test_batch_statistics_in_a_prediction_are_not_taken_away():
    normalization = node("BatchNormalization", "bn", [[["x", 0, 0, {"training": True}]]])
    (call,) = calls(normal([source(), normalization], ("bn", 0, 0)), "bn")
    assert call["kwargs"] == {"training": True}


BROKEN = {
    "a layer that there is not": node("Dense", "d", [[["nobody", 0, 0, {}]]], units=5),
    "a call that there is not": node("Dense", "d", [[["x", 1, 0, {}]]], units=5),
    "no call": node("Dense", "d", [[]], units=5),
    "no reference": node("Dense", "d", [[["x", "y"]]], units=5),
    "a number": node("Dense", "d", 5, units=5),
    "its own output": node("Dense", "d", [[["d", 0, 0, {}]]], units=5),
    "a name twice": source("x"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_is_one_clear_line(name):
    with pytest.raises(ParityUnavailable) as caught:
        normal([source(), BROKEN[name]], ("d", 0, 0))
    assert "\n" not in str(caught.value)
