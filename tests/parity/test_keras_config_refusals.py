"""What a spec cannot express is refused by the name of the layer, without Keras."""

import pytest

from parity import ParityUnavailable
from parity.keras_config.model import model_spec
from tests.parity.keras_configs import attention, entry, layer, lstm, mask, spec_of, tensor

REFUSED = {
    "training=True": (
        (layer("drop", "Dropout", "series", rate=0.5, call={"training": True}),),
        "layer 'drop' is called with training=True",
    ),
    "causal attention": (
        (attention("self", "series", "series", use_causal_mask=True),),
        "layer 'self' is called with use_causal_mask=True",
    ),
    "half of the initial states": (
        (
            lstm("first", "series"),
            lstm("last", "series", call={"initial_state": [tensor("first")]}),
        ),
        "layer 'last' is called with 2 tensors and 0 other positional arguments; supported: 1 or 3",
    ),
    "initial states of another size": (
        (
            layer("small", "GRU", "series", units=3),
            lstm("last", "series", call={"initial_state": [tensor("small"), tensor("small")]}),
        ),
        "node 'last': Recurrent: initial states must have the shapes [(5,), (5,)]; got",
    ),
    "a constant initial state": (
        (lstm("last", "series", call={"initial_state": {"class_name": "__tensor__"}}),),
        "layer 'last' is called with initial_state=",
    ),
    "a constant among the initial states": (
        (
            layer("small", "GRU", "series", units=5),
            layer(
                "last",
                "Bidirectional",
                "series",
                layer={"class_name": "GRU", "config": {"units": 5}},
                call={"initial_state": [tensor("small"), {"class_name": "__tensor__"}]},
            ),
        ),
        "layer 'last' is called with",
    ),
    "a mask by position": (
        (
            entry("valid", (5,)),
            layer("last", "GRU", "series", None, tensor("valid"), units=5),
        ),
        "layer 'last' is called with",
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
    "an output that is not there": (
        (lstm("first", "series"), layer("last", "Dense", tensor("first", 0, 1), units=5)),
        "node 'last' takes 'first:1', an output that is not there. There are: series, first.",
    ),
    "a later call": (
        (lstm("first", "series"), layer("last", "Dense", tensor("first", 1, 0), units=5)),
        "layer 'last' takes an output of call 1 of 'first', which is not there before it",
    ),
    "an operation that is not in the table": (
        (
            lstm("first", "series"),
            {**layer("add", "Bartlett", "first"), "module": "keras.src.ops.numpy"},
        ),
        "layer 'add': operation Bartlett is not supported; docs/keras-files.md lists",
    ),
    "a constant": (
        (lstm("first", "series"), layer("add", "Add", "first", 1.0)),
        "layer 'add' is called with 1 tensors and 1 other positional arguments; supported: any",
    ),
    "a layer that is not in the table": (
        (lstm("first", "series"), layer("last", "SpectralNormalization", "first")),
        "layer 'last' of class SpectralNormalization",
    ),
    "a merge mode": (
        (
            layer(
                "last",
                "Bidirectional",
                "series",
                merge_mode="max",
                layer={"class_name": "LSTM", "config": {"units": 5}},
            ),
        ),
        "layer 'last': Bidirectional: merge_mode must be one of",
    ),
    "a shape that does not fit": (
        (lstm("first", "series"), lstm("last", "first")),
        "node 'last'",
    ),
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


def test_an_output_that_is_not_there_is_refused():
    with pytest.raises(ParityUnavailable, match="the model has no output 'last:1' to give"):
        spec_of(entry("series"), lstm("last", "series"), outputs=["last", 0, 1])


def test_a_layer_that_is_computed_from_itself_is_refused():
    with pytest.raises(ParityUnavailable, match="layer 'b' takes an output of call 0 of 'a'"):
        spec_of(entry("series"), lstm("a", "b"), lstm("b", "a"))


@pytest.mark.parametrize("inputs", [["valid", "series"], ["series", "valid", "unused"]], ids=str)
def test_a_mask_that_is_not_the_last_input_is_refused(inputs):
    with pytest.raises(
        ParityUnavailable, match=f"the model takes {', '.join(inputs)}; of these valid is a mask"
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
