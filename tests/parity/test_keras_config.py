"""A Keras model's config becomes the spec that computes the same, or is refused by name."""

import pytest

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import ParityUnavailable
from parity.keras_config import model_spec, task_of


def tensor(name, call=0, output=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}


def layer(name, class_name, *args, **config):
    """A layer called once on the outputs of the named layers; numbers are themselves."""
    kwargs = config.pop("call", {})
    arguments = [tensor(value) if isinstance(value, str) else value for value in args]
    return {
        "name": name,
        "class_name": class_name,
        "config": {"name": name, **config},
        "inbound_nodes": [{"args": arguments, "kwargs": kwargs}] if args else [],
    }


def entry(name, shape=(None, 3), dtype="float32", **config):
    return layer(name, "InputLayer", batch_shape=[None, *shape], dtype=dtype, **config)


def lstm(name, *args, **config):
    return layer(name, "LSTM", *args, units=5, **config)


def spec_of(*layers, inputs=None, outputs=None):
    """The spec of a functional model; by default every InputLayer is an input, the last is out."""
    names = [one["name"] for one in layers if one["class_name"] == "InputLayer"]
    config = {
        "layers": list(layers),
        "input_layers": [[name, 0, 0] for name in names] if inputs is None else inputs,
        "output_layers": [layers[-1]["name"], 0, 0] if outputs is None else outputs,
    }
    return model_spec("Functional", config)


def masked(name="words", mask_of="tokens"):
    """Tokens, an Embedding with ``mask_zero``, and the operation that Keras adds for its mask."""
    return (
        entry("tokens", (None,)),
        layer("embedding", "Embedding", "tokens", input_dim=23, output_dim=3, mask_zero=True),
        layer("not_equal", "NotEqual", mask_of, 0),
    )


def mask(*names):
    tensors = [None if name is None else tensor(name) for name in names]
    return {"mask": tensors[0] if len(tensors) == 1 else tensors}


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


def attention(name, query, value, **call):
    both = layer(name, "Attention", "?", call=call)
    both["inbound_nodes"][0]["args"] = [[tensor(query), tensor(value)]]
    return both


WRONG_MASKS = {
    "another value": (*masked()[:2], layer("not_equal", "NotEqual", "tokens", 1)),
    "another operation": (*masked()[:2], layer("not_equal", "Equal", "tokens", 0)),
    "an embedding that makes none": (
        masked()[0],
        layer("embedding", "Embedding", "tokens", input_dim=23, output_dim=3),
        masked()[2],
    ),
    "another input": (
        *masked(mask_of="others")[:2],
        entry("others", (None,)),
        layer("not_equal", "NotEqual", "others", 0),
    ),
    "an operation on the tokens": (
        *masked()[:2],
        layer("positive", "Abs", "tokens"),
        layer("not_equal", "NotEqual", "positive", 0),
    ),
}


@pytest.mark.parametrize("layers", WRONG_MASKS.values(), ids=WRONG_MASKS)
def test_a_mask_that_the_layers_do_not_make_is_refused(layers):
    names = [["tokens", 0, 0]]
    with pytest.raises(ParityUnavailable, match="layer 'last' has a mask that no classifier"):
        spec_of(*layers, lstm("last", "embedding", call=mask("not_equal")), inputs=names)


def test_a_mask_input_that_a_layer_before_goes_without_is_refused():
    with pytest.raises(ParityUnavailable, match="layer 'first' has a mask"):
        spec_of(
            entry("series"),
            entry("valid", (None,), "bool"),
            lstm("first", "series", return_sequences=True),
            lstm("last", "first", call=mask("valid")),
        )


def test_the_mask_of_another_branch_is_refused():
    embed = {"input_dim": 23, "output_dim": 3, "mask_zero": True}
    with pytest.raises(ParityUnavailable, match="layer 'a last' has a mask"):
        spec_of(
            entry("a", (None,)),
            entry("b", (None,)),
            layer("a embedding", "Embedding", "a", **embed),
            layer("b embedding", "Embedding", "b", **embed),
            layer("b mask", "NotEqual", "b", 0),
            lstm("a last", "a embedding", return_sequences=True, call=mask("b mask")),
            lstm("b last", "b embedding", return_sequences=True, call=mask("b mask")),
            attention("both", "a last", "b last"),
        )


def test_a_second_masking_layer_is_refused_since_keras_forgets_the_first():
    with pytest.raises(ParityUnavailable, match="layer 'last' has a mask"):
        spec_of(
            entry("series"),
            layer("first", "Masking", "series", mask_value=0.0),
            layer("second", "Masking", "first", mask_value=5.0),
            lstm("last", "second"),
        )


def test_a_mask_along_another_axis_is_refused():
    with pytest.raises(ParityUnavailable, match="layer 'last' has a mask"):
        spec_of(
            entry("series"),
            layer("masking", "Masking", "series", mask_value=0.5),
            layer("not_equal", "NotEqual", "series", 0.5),
            layer("any", "Any", "not_equal", axis=1, keepdims=False),
            lstm("last", "masking", call=mask("any")),
        )


def test_attention_takes_the_masks_that_reach_it():
    first = lstm("first", "series", return_sequences=True, call=mask("valid"))
    inputs = (entry("series"), entry("valid", (None,), "bool"), first)
    for call in ({}, mask("valid", "valid")):
        assert spec_of(*inputs, attention("self", "first", "first", **call))
    with pytest.raises(ParityUnavailable, match="layer 'self' has a mask"):
        spec_of(*inputs, attention("self", "first", "first", **mask(None, "valid")))


REFUSED = {
    "training=True": (
        (layer("drop", "Dropout", "series", rate=0.5, call={"training": True}),),
        "layer 'drop' is called with training=True",
    ),
    "causal attention": (
        (attention("self", "series", "series", use_causal_mask=True),),
        "layer 'self' is called with use_causal_mask=True",
    ),
    "an initial state": (
        (lstm("last", "series", call={"initial_state": [tensor("series")]}),),
        "layer 'last': a tensor as initial_state",
    ),
    "a constant initial state": (
        (lstm("last", "series", call={"initial_state": {"class_name": "__numpy__"}}),),
        "layer 'last' is called with initial_state=",
    ),
    "a second tensor": (
        (lstm("last", "series", "series"),),
        "layer 'last' is called with 2 tensors",
    ),
    "a second constant": (
        (lstm("last", "series", {"class_name": "__numpy__"}),),
        "layer 'last' is called with 1 tensors and 1 other positional",
    ),
    "a constant mask": (
        (lstm("last", "series", call={"mask": {"class_name": "__numpy__"}}),),
        "layer 'last': its mask is no tensor",
    ),
    "attention of four": (
        (layer("self", "Attention", "series", "series", "series", "series"),),
        "layer 'self' is called with 4 tensors",
    ),
    "an output that is not the first": (
        (lstm("first", "series"), layer("last", "Dense", tensor("first", 0, 1), units=5)),
        "layer 'last' takes output 1 of call 0 of 'first'",
    ),
    "a later call": (
        (lstm("first", "series"), layer("last", "Dense", tensor("first", 1, 0), units=5)),
        "layer 'last' takes output 0 of call 1 of 'first'",
    ),
    "an operation with the name of a layer": (
        (
            lstm("first", "series"),
            {**layer("add", "Add", "first", "first"), "module": "keras.src.ops.numpy"},
        ),
        "layer 'add' of class Add is not supported: it is one of keras.src.ops.numpy",
    ),
    "a constant": (
        (lstm("first", "series"), layer("add", "Add", "first", 1.0)),
        "layer 'add' is called with 1 tensors and 1 other positional arguments; supported: any",
    ),
    "a layer that is not in the table": (
        (lstm("first", "series"), layer("last", "UnitNormalization", "first")),
        "layer 'last' of class UnitNormalization",
    ),
    "a merge mode": (
        (
            layer(
                "last",
                "Bidirectional",
                "series",
                merge_mode=None,
                layer={"class_name": "LSTM", "config": {"units": 5}},
            ),
        ),
        "layer 'last': Bidirectional: merge_mode must be",
    ),
    "a shape that does not fit": (
        (lstm("first", "series"), lstm("last", "first")),
        "node 'last'",
    ),
    "a name that torch uses": ((lstm("values", "series"),), "'values' is one that torch uses"),
    "half precision": (
        (lstm("last", "series", dtype="float16"),),
        "layer 'last': dtype 'float16'",
    ),
    "a mixed policy": (
        (
            lstm(
                "last",
                "series",
                dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}},
            ),
        ),
        "layer 'last': dtype 'mixed_bfloat16'",
    ),
    "two precisions": (
        (
            lstm("first", "series", dtype="float32"),
            layer("last", "Dense", "first", units=5, dtype="float64"),
        ),
        "layer 'last': dtype 'float64'",
    ),
    "another precision inside": (
        (
            layer(
                "last",
                "Bidirectional",
                "series",
                dtype="float64",
                layer={"class_name": "LSTM", "config": {"units": 5, "dtype": "float32"}},
            ),
        ),
        "layer 'last': dtype 'float32'",
    ),
    "inputs of lower precision": (
        (lstm("last", "series", dtype="float64"),),
        "input 'series': dtype 'float32'",
    ),
}


@pytest.mark.parametrize(("layers", "text"), REFUSED.values(), ids=REFUSED)
def test_what_a_spec_cannot_express_is_refused_by_name(layers, text):
    with pytest.raises(ParityUnavailable) as refused:
        spec_of(entry("series"), *layers)
    assert text in str(refused.value)


def test_a_shared_layer_is_refused():
    shared = lstm("shared", "series", return_sequences=True)
    shared["inbound_nodes"] *= 2
    with pytest.raises(ParityUnavailable, match="layer 'shared' is called 2 times"):
        spec_of(entry("series"), shared)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ([["last", 0, 0], ["first", 0, 0]], "2 outputs"),
        ({"a": ["last", 0, 0], "b": ["first", 0, 0]}, "2 outputs"),
        (["last", 0, 1], "the model takes output 1"),
    ],
    ids=str,
)
def test_several_or_later_outputs_are_refused(outputs, text):
    with pytest.raises(ParityUnavailable, match=text):
        spec_of(
            entry("series"),
            lstm("first", "series"),
            lstm("last", "series"),
            outputs=outputs,
        )


@pytest.mark.parametrize(
    ("inputs", "given"),
    [
        pytest.param(["valid", "series"], "valid, series", id="mask first"),
        pytest.param(["series", "valid", "unused"], "series, valid, unused", id="unused"),
        pytest.param(["unused", "series", "valid"], "unused, series, valid", id="unused first"),
    ],
)
def test_inputs_in_another_order_or_unused_are_refused(inputs, given):
    with pytest.raises(
        ParityUnavailable, match=f"the model takes {given}; it computes from series"
    ):
        spec_of(
            entry("series"),
            entry("valid", (None,), "bool"),
            entry("unused"),
            lstm("last", "series", call=mask("valid")),
            inputs=[[name, 0, 0] for name in inputs],
        )


@pytest.mark.parametrize("dtype", ["int32", "bool", "float16", "string"])
def test_features_that_are_no_features_are_refused(dtype):
    with pytest.raises(ParityUnavailable, match=f"input 'series': dtype '{dtype}'"):
        spec_of(entry("series", dtype=dtype), lstm("last", "series", dtype="float32"))


def test_an_input_without_a_shape_is_refused():
    bare = layer("series", "InputLayer")
    with pytest.raises(ParityUnavailable, match="input 'series' has no shape"):
        spec_of(bare, lstm("last", "series"))


def test_a_subclassed_model_is_refused():
    with pytest.raises(ParityUnavailable, match="class MyModel is not supported"):
        model_spec("MyModel", {})


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
