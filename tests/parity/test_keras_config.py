"""A Keras model's config becomes the spec that computes the same, without Keras."""

import pytest

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import ParityUnavailable
from parity.keras_config.model import model_spec, task_of
from tests.parity.keras_configs import entry, layer, lstm, mask, masked, spec_of, tensor


def test_a_stack_of_layers():
    spec = spec_of(
        entry("series"), lstm("first", "series", return_sequences=True), lstm("last", "first")
    )
    assert spec == ModelSpec(
        (
            Node(name="series", layer=specs.Input(shape=(None, 3))),
            Node(
                name="first",
                layer=specs.Recurrent(cell="lstm", hidden_size=5, return_sequences=True),
            ),
            Node(name="last", layer=specs.Recurrent(cell="lstm", hidden_size=5)),
        )
    )


def test_what_keras_derives_for_an_embedding_is_left_out():
    spec = spec_of(*masked(), lstm("last", "embedding", call=mask("not_equal")))
    assert [node.name for node in spec.nodes] == ["tokens", "embedding", "last"]
    assert spec.nodes[0].layer == specs.Input(shape=(None,), dtype="int64")


def test_what_keras_derives_for_a_masking_layer_is_left_out():
    spec = spec_of(
        entry("series"),
        layer("masking", "Masking", "series", mask_value=0.5),
        layer("not_equal", "NotEqual", "series", 0.5),
        layer("any", "Any", "not_equal", axis=-1, keepdims=False),
        lstm("last", "masking", call=mask("any")),
    )
    assert [node.name for node in spec.nodes] == ["series", "masking", "last"]


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64", "uint8"])
def test_tokens_of_any_type_enter_an_embedding_as_tokens(dtype):
    embedding = layer("embedding", "Embedding", "tokens", input_dim=23, output_dim=3)
    spec = spec_of(entry("tokens", (None,), dtype), embedding, lstm("last", "embedding"))
    assert spec.nodes[0].layer == specs.Input(shape=(None,), dtype="int64")


def test_a_mask_input_is_the_callers_and_no_input_of_the_spec():
    spec = spec_of(
        entry("series"),
        entry("valid", (None,), "bool"),
        lstm("first", "series", return_sequences=True, call=mask("valid")),
        lstm("last", "first", call=mask("valid")),
    )
    assert [node.name for node in spec.inputs] == ["series"]


def test_inputs_come_in_the_order_in_which_the_model_takes_them():
    layers = (entry("a"), entry("b"), layer("both", "Attention", "a", "b"))
    layers[2]["inbound_nodes"][0]["args"] = [[tensor("a"), tensor("b")]]
    spec = spec_of(*layers, lstm("last", "both"), inputs=[["b", 0, 0], ["a", 0, 0]])
    assert [node.name for node in spec.inputs] == ["b", "a"]
    assert spec.nodes[2].inputs == ("a", "b")


@pytest.mark.parametrize(
    "outputs", [["last", 0, 0], [["last", 0, 0]], {"label": ["last", 0, 0]}], ids=str
)
def test_one_output_in_any_structure(outputs):
    assert spec_of(entry("series"), lstm("last", "series"), outputs=outputs).output.name == "last"


def test_layers_that_the_output_does_not_need_are_left_out():
    spec = spec_of(
        entry("series"),
        lstm("last", "series"),
        layer("other", "Lambda", "series"),
        outputs=["last", 0, 0],
    )
    assert [node.name for node in spec.nodes] == ["series", "last"]


def test_a_later_output_and_initial_states_are_references():
    spec = spec_of(
        entry("series"),
        lstm("encoder", "series", return_state=True),
        lstm(
            "decoder",
            "series",
            call={"initial_state": [tensor("encoder", 0, 1), tensor("encoder", 0, 2)]},
        ),
    )
    assert spec.output.inputs == ("series", "encoder:1", "encoder:2")
    assert spec.nodes[1].layer == specs.Recurrent(cell="lstm", hidden_size=5, return_state=True)


def test_unmerged_directions_are_two_outputs():
    direction = {"class_name": "LSTM", "config": {"units": 5}}
    both = layer("both", "Bidirectional", "series", merge_mode=None, layer=direction)
    join = layer("join", "Concatenate", "?")
    join["inbound_nodes"][0]["args"] = [[tensor("both", 0, 1), tensor("both")]]
    spec = spec_of(entry("series"), both, join)
    assert spec.output.inputs == ("both:1", "both")
    assert spec.shapes()["join"] == (10,)


def stack(*layers, **config):
    return model_spec("Sequential", {"layers": list(layers), **config})


EMBEDDING = layer("embedding", "Embedding", input_dim=23, output_dim=3, mask_zero=True)
LAST = layer("last", "GRU", units=5)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(lambda: stack(entry("tokens", (None,)), EMBEDDING, LAST), id="input layer"),
        pytest.param(
            lambda: stack(EMBEDDING, LAST, build_input_shape=[None, None]), id="built by shape"
        ),
    ],
)
def test_a_sequential_model(spec):
    tokens, *rest = spec().nodes
    assert tokens.layer == specs.Input(shape=(None,), dtype="int64")
    assert [node.name for node in rest] == ["embedding", "last"]


def test_a_sequential_model_must_be_built():
    with pytest.raises(ParityUnavailable, match=r"call model\.build\(shape\)"):
        stack(EMBEDDING, LAST)


@pytest.mark.parametrize(
    ("last", "task"),
    [
        (specs.Dense(units=1, activation="sigmoid"), "binary"),
        (specs.Dense(units=3, activation="sigmoid"), "multilabel"),
        (specs.Dense(units=3, activation="softmax"), "multiclass"),
        (specs.Dense(units=3), "regression"),
        (specs.Dense(units=3, activation="relu"), "regression"),
        (specs.Dropout(rate=0.5), "regression"),
    ],
)
def test_the_task_follows_from_the_last_activation(last, task):
    nodes = (Node(name="series", layer=specs.Input(shape=(3,))), Node(name="last", layer=last))
    assert task_of(ModelSpec(nodes)) == task
