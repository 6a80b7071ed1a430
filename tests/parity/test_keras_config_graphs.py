"""Shared layers, several outputs, models inside models: what a config says becomes the spec."""

import pytest

from birnn_lightning.nn.specs import Operand, Operation, Submodel, TimeDistributed
from parity.keras_config.model import model_spec
from parity.results import ParityUnavailable
from tests.parity.keras_configs import entry, layer, lstm, mask, spec_of, tensor


def nodes(spec):
    return {node.name: (node.inputs, node.shares) for node in spec.nodes}


def called_again(one, *args):
    """The layer, called once more on the outputs of the named layers."""
    call = {"args": [tensor(name) if isinstance(name, str) else name for name in args]}
    one["inbound_nodes"].append({**call, "kwargs": {}})
    return one


def test_a_layer_called_twice_is_shared():
    encoder = called_again(lstm("encoder", "left"), "right")
    both = layer("both", "Concatenate", "?")
    both["inbound_nodes"][0]["args"] = [[tensor("encoder"), tensor("encoder", 1)]]
    spec = spec_of(entry("left"), entry("right"), encoder, both)
    assert nodes(spec) == {
        "left": ((), ""),
        "right": ((), ""),
        "encoder": (("left",), ""),
        "encoder_call_2": (("right",), "encoder"),
        "both": (("encoder", "encoder_call_2"), ""),
    }


def test_the_call_that_is_computed_first_has_the_layers_name():
    """Call 0 takes what is computed from call 1."""
    twice = lstm("twice", "between", return_sequences=True)
    called_again(twice, "series")
    between = lstm("between", tensor("twice", 1), return_sequences=True)
    spec = spec_of(entry("series"), twice, between, outputs=["twice", 0, 0])
    assert nodes(spec) == {
        "series": ((), ""),
        "twice": (("series",), ""),
        "between": (("twice",), ""),
        "twice_call_2": (("between",), "twice"),
    }
    assert spec.outputs == ("twice_call_2",)


def test_a_call_is_not_named_like_a_layer():
    encoder = called_again(lstm("a", "series"), "series")
    spec = spec_of(
        entry("series"),
        encoder,
        lstm("a_call_2", "series"),
        outputs=[["a", 1, 0], ["a_call_2", 0, 0]],
    )
    assert [node.name for node in spec.nodes] == ["series", "a", "a_call_2_", "a_call_2"]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([["last", 0, 0], ["first", 0, 0]], ("last", "first")),
        ({"b": ["last", 0, 0], "a": ["first", 0, 0]}, ("first", "last")),
        ([["first", 0, 1], ["last", 0, 0]], ("first:1", "last")),
    ],
    ids=str,
)
def test_outputs_are_in_the_models_order(outputs, expected):
    first = lstm("first", "series", return_state=True)
    spec = spec_of(entry("series"), first, lstm("last", "series"), outputs=outputs)
    assert spec.outputs == expected


def inner(name="inner", **config):
    """A model of features to 5 numbers."""
    layers = [entry("steps", (None, 3)), lstm("reader", "steps", **config)]
    return {
        "name": name,
        "layers": layers,
        "input_layers": [["steps", 0, 0]],
        "output_layers": [["reader", 0, 0]],
    }


def model_layer(name, *args, **config):
    return {
        "name": name,
        "class_name": "Functional",
        "config": inner(name, **config),
        "inbound_nodes": [{"args": [tensor(one) for one in args], "kwargs": {}}],
    }


def test_a_model_is_a_layer():
    spec = spec_of(
        entry("series"),
        model_layer("encoder", "series"),
        layer("last", "Dense", "encoder", units=2),
    )
    encoder = spec.nodes[1].layer
    assert isinstance(encoder, Submodel)
    assert nodes(encoder.model) == {"steps": ((), ""), "reader": (("steps",), "")}
    assert spec.shapes()["encoder"] == (5,)


def test_among_the_outputs_calls_of_a_model_count_from_1():
    """As Keras writes them: call 0 is the making of the inner model itself."""
    encoder = model_layer("encoder", "series")
    spec = spec_of(entry("series"), encoder, outputs=["encoder", 1, 0])
    assert spec.outputs == ("encoder",)
    with pytest.raises(ParityUnavailable, match="the model takes an output of call 0 of 'encoder'"):
        spec_of(entry("series"), encoder, outputs=["encoder", 0, 0])


def test_a_model_runs_on_every_step():
    config = {"class_name": "Functional", "config": inner()}
    spec = spec_of(
        entry("series", (None, 7, 3)), layer("each", "TimeDistributed", "series", layer=config)
    )
    each = spec.nodes[1].layer
    assert isinstance(each, TimeDistributed)
    assert isinstance(each.layer, Submodel)
    assert spec.shapes()["each"] == (None, 5)


def test_a_sequential_model_in_a_sequential_model():
    one = {"class_name": "Dense", "config": {"name": "dense", "units": 5}}
    part = {"name": "part", "layers": [one], "build_input_shape": [None, None, 3]}
    two = {"class_name": "Sequential", "config": part}
    spec = model_spec("Sequential", {"layers": [two], "build_input_shape": [None, None, 3]})
    assert isinstance(spec.nodes[1].layer, Submodel)


def test_tokens_are_found_through_models_and_moves():
    table = layer("table", "Embedding", "steps", input_dim=23, output_dim=3)
    config = {**inner(), "layers": [entry("steps", (None,)), table]}
    config["output_layers"] = [["table", 0, 0]]
    whole = {
        "name": "encoder",
        "class_name": "Functional",
        "config": config,
        "inbound_nodes": [{"args": [tensor("moved")], "kwargs": {}}],
    }
    moved = layer("moved", "Reshape", "series", target_shape=[7])
    spec = spec_of(entry("series", (7,)), moved, whole, outputs=["encoder", 1, 0])
    assert [getattr(node.layer, "dtype", "") for node in spec.inputs] == ["int64"]


def test_an_input_that_nothing_is_computed_from_is_an_input_still():
    spec = spec_of(entry("series"), entry("other"), lstm("last", "series"))
    assert [node.name for node in spec.inputs] == ["series", "other"]


def test_an_operation_holds_its_arguments():
    part = {
        "name": "part",
        "class_name": "Subtract",
        "module": "keras.src.ops.numpy",
        "config": {"name": "part"},
        "inbound_nodes": [{"args": [2.0, tensor("series")], "kwargs": {}}],
    }
    spec = spec_of(entry("series"), part)
    operation = spec.nodes[1].layer
    assert isinstance(operation, Operation)
    assert operation.arguments == (2.0, Operand(index=0))


def test_a_mask_is_followed_into_a_model():
    """An LSTM inside gets another mask than ours would give it: none."""
    masked = layer("masking", "Masking", "series")
    encoder = model_layer("encoder", "masking")
    ends = {"outputs": ["encoder", 1, 0]}
    assert spec_of(entry("series"), masked, encoder, **ends).nodes[-1].name == "encoder"
    encoder["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = mask("other")
    encoder["config"]["layers"].insert(1, layer("other", "NotEqual", "steps", 0))
    with pytest.raises(ParityUnavailable, match="layer 'reader' has a mask that no classifier"):
        spec_of(entry("series"), masked, encoder, **ends)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("values", "values_layer"), ("tf.math.add_1", "tf_math_add_1"), ("a/b:0", "a_b_0")],
)
def test_a_name_that_torch_does_not_allow_becomes_another(name, expected):
    first = lstm(name, "series", return_sequences=True)
    spec = spec_of(entry("series"), first, lstm("last", name))
    assert nodes(spec) == {
        "series": ((), ""),
        expected: (("series",), ""),
        "last": ((expected,), ""),
    }
