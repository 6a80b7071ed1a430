"""Configs of every version, written by hand, are read as that version meant them."""

import pytest

from parity.keras_config.activations import keras_activation
from parity.keras_config.legacy import normalized_model
from parity.results import ParityUnavailable

HARD = keras_activation("hard_sigmoid_keras2")
SHAPE = [None, 7, 3]


def layer(class_name, **settings):
    return {"class_name": class_name, "config": {"name": class_name.lower(), **settings}}


def normal(
    layers, version: str | None = "2.2.4", backend="tensorflow", class_name="Sequential", **settings
):
    return normalized_model(class_name, layers, keras_version=version, backend=backend, **settings)


def first(layers, **settings):
    """The first layer after the input."""
    return normal(layers, **settings).config["layers"][1]


GRU = layer("GRU", units=5, batch_input_shape=SHAPE)


@pytest.mark.parametrize(
    ("version", "reset_after", "recurrent"),
    [
        ("2.0.8", False, HARD),
        ("2.2.4", False, HARD),
        ("2.3.1", False, HARD),
        ("2.2.4-tf", False, HARD),
        ("2.3.0-tf", True, "sigmoid"),
        ("2.15.0", True, "sigmoid"),
        ("3.0.1", True, "sigmoid"),
        (None, False, HARD),
    ],
)
def test_what_a_gru_leaves_unsaid(version, reset_after, recurrent):
    config = first([GRU], version=version)["config"]
    assert (config["reset_after"], config["recurrent_activation"]) == (reset_after, recurrent)


def test_a_bare_list_has_its_input_and_its_name():
    model = normal([GRU])
    inputs, gru = model.config["layers"]
    assert model.class_name == "Sequential"
    assert inputs["config"]["batch_shape"] == model.config["build_input_shape"] == SHAPE
    assert gru["module"] == "keras.layers"
    assert not {"batch_input_shape", "implementation"} & gru["config"].keys()
    assert gru["config"]["dtype"]["config"] == {"name": "float32"}
    assert gru["config"]["kernel_initializer"]["class_name"] == "GlorotUniform"


def test_the_semantics_can_be_chosen():
    named = layer("GRU", units=5, recurrent_activation="hard_sigmoid", batch_input_shape=SHAPE)
    for version, semantics, function in (
        ("2.2.4", "auto", HARD),
        ("2.2.4", "keras3", "hard_sigmoid"),
        ("3.1.0", "auto", "hard_sigmoid"),
        ("3.1.0", "keras2", HARD),
    ):
        config = first([named], version=version, semantics=semantics)["config"]
        assert config["recurrent_activation"] == function, (version, semantics)


@pytest.mark.parametrize(("cell", "form"), [("LSTM", "cudnn_lstm"), ("GRU", "cudnn_gru")])
def test_a_cudnn_layer_is_the_layer_that_it_computes(cell, form):
    inner = layer(f"CuDNN{cell}", units=5, return_sequences=True)
    both = first([layer("Bidirectional", layer=inner, batch_input_shape=SHAPE)])["config"]
    for direction in ("layer", "backward_layer"):
        assert both[direction]["class_name"] == cell
        assert both[direction]["weight_form"] == form
        assert both[direction]["config"]["recurrent_activation"] == "sigmoid"
        assert both[direction]["config"].get("reset_after", True)
    assert both["layer"]["config"]["name"] == f"forward_cudnn{cell.lower()}"
    assert both["backward_layer"]["config"]["go_backwards"]


def test_theano_reads_kernels_from_their_end():
    conv = layer("Conv1D", filters=5, kernel_size=[3], batch_input_shape=SHAPE)
    assert first([conv], backend="theano")["weight_form"] == "conv_flipped"
    assert "weight_form" not in first([conv])


KERAS_1 = [
    layer("Embedding", input_dim=13, output_dim=3, init="uniform", input_length=7, dropout=0.2,
          batch_input_shape=[None, 7], input_dtype="int32", mask_zero=False),
    layer("Convolution1D", nb_filter=5, filter_length=3, border_mode="same", subsample_length=2,
          init="glorot_uniform", activation="relu", bias=True, input_dim=None, input_length=None),
    layer("MaxPooling1D", pool_length=2, stride=2, border_mode="valid"),
    layer("Bidirectional", merge_mode="concat", layer=layer(
        "LSTM", output_dim=5, init="glorot_uniform", inner_init="orthogonal", dropout_W=0.1,
        forget_bias_init="one", activation="tanh", inner_activation="hard_sigmoid",
        dropout_U=0.2, consume_less="cpu", return_sequences=True, go_backwards=False,
        W_regularizer={"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5})),
    layer("TimeDistributedDense", output_dim=3, init="he_normal", activation="linear"),
    layer("GRU", output_dim=2, init="glorot_uniform", inner_activation="hard_sigmoid",
          consume_less="gpu"),
    layer("Dropout", p=0.3),
]  # fmt: skip


def test_keras_1_is_read_in_its_own_words():
    _, embedding, conv, pool, both, dense, gru, dropout = normal(KERAS_1, version=None).config[
        "layers"
    ]
    assert embedding["config"]["embeddings_initializer"]["class_name"] == "RandomUniform"
    assert conv["class_name"] == "Conv1D"
    assert conv["weight_form"] == "keras1_conv1d"
    assert [conv["config"][name] for name in ("filters", "kernel_size", "strides", "padding")] == [
        5, 3, 2, "same",
    ]  # fmt: skip
    assert (pool["config"]["pool_size"], pool["config"]["strides"]) == (2, 2)
    lstm = both["config"]["backward_layer"]
    assert lstm["weight_form"] == "keras1_lstm"
    assert lstm["config"]["recurrent_activation"] == HARD
    assert (lstm["config"]["dropout"], lstm["config"]["recurrent_dropout"]) == (0.1, 0.2)
    assert lstm["config"]["kernel_regularizer"]["config"] == {"l1": 0.0, "l2": 0.5}
    assert (dense["class_name"], dense["config"]["units"]) == ("Dense", 3)
    assert "weight_form" not in gru
    assert gru["config"]["reset_after"] is False
    assert dropout["config"]["rate"] == 0.3


def test_a_keras_1_merge_of_models_becomes_a_graph():
    def branch(name):
        dense = layer("Dense", output_dim=5, init="uniform", batch_input_shape=[None, 3])
        dense["config"]["name"] = name
        return {"class_name": "Sequential", "config": [dense]}

    merge = layer("Merge", mode="concat", concat_axis=-1, layers=[branch("a"), branch("b")])
    after = layer("Dense", output_dim=2, init="uniform")
    model = normal([merge, after], version="1.2.2")
    assert model.class_name == "Functional"
    assert model.config["input_layers"] == [["a_input", 0, 0], ["b_input", 0, 0]]
    assert model.config["output_layers"] == ["dense", 0, 0]
    assert [one["class_name"] for one in model.config["layers"]][-2:] == ["Concatenate", "Dense"]


def test_a_stranger_of_a_late_name_is_no_layer_of_keras():
    attention = layer("Attention", units=5, batch_input_shape=SHAPE)
    assert first([attention])["module"] == "custom"
    assert first([attention], version="2.4.0")["module"] == "custom"
    own = layer("Attention", use_scale=True, batch_input_shape=SHAPE)
    assert first([own], version="2.4.0")["module"] == "keras.layers"


MASKED = [layer("Masking", mask_value=0.0, batch_input_shape=SHAPE)]
BOTH = layer("Bidirectional", layer=layer("LSTM", units=5, return_sequences=True))
DENSE = layer("Dense", units=2)
SOFTMAX = layer("Softmax", axis=-1)


def test_masked_outputs_that_keras_3_cannot_repeat_are_refused():
    with pytest.raises(ParityUnavailable, match="layer 'bidirectional' repeats its last output"):
        normal([*MASKED, BOTH, DENSE], version="2.2.4")
    assert normal([*MASKED, BOTH, DENSE], version="2.2.4-tf").config
    assert normal([*MASKED, BOTH, layer("LSTM", units=2)], version="2.2.4").config


def test_an_old_softmax_does_not_look_at_its_mask():
    old = normal([*MASKED, SOFTMAX], version="2.3.0-tf").config["layers"][-1]
    assert (old["class_name"], old["config"]["activation"]) == ("Activation", "softmax")
    with pytest.raises(ParityUnavailable, match="layer 'softmax' is a Softmax with a mask"):
        normal([*MASKED, SOFTMAX], version="2.15.0")


REFUSED = {
    "time_major": ([layer("LSTM", units=5, time_major=True)], {}, "time_major=True"),
    "full": ([layer("Convolution1D", border_mode="full")], {"version": "1.2.2"}, "full"),
    "unknown backend": (
        [layer("Convolution1D", nb_filter=5, filter_length=3)],
        {"version": "1.2.2", "backend": None},
        "backend='theano' or backend='tensorflow'",
    ),
    "mode": ([layer("BatchNormalization", mode=1)], {"version": "1.2.2"}, "mode=1"),
    "old statistics": ([layer("BatchNormalization", mode=0)], {"version": "1.0.3"}, "running_std"),
    "cosine": ([layer("Merge", mode="cos")], {"version": "1.2.2"}, "mode='cos'"),
    "ragged": ([layer("InputLayer", ragged=True)], {}, "ragged=True"),
    "graph": ([GRU], {"class_name": "Graph"}, "class Graph"),
    "subclass": ([GRU], {"class_name": "MyModel"}, "class MyModel"),
    "future": ([GRU], {"version": "4.0"}, "Keras 4.0"),
    "no version": ([GRU], {"version": "new"}, "'new'"),
    "semantics": ([GRU], {"semantics": "keras1"}, "'keras1'"),
    "empty": ([], {}, "the layers of a model"),
    "number": (7, {}, "the config of a model"),
    "layer": ([3], {}, "the layers of a model"),
    "no class": ([{"config": {}}], {}, "the class of layer number 0"),
    "no config": ([{"class_name": "LSTM"}], {}, "the config of layer number 0"),
    "dtype": ([layer("LSTM", units=5, dtype=7)], {}, "dtype"),
    "activation": ([layer("Dense", units=5, activation=[1])], {}, "activation"),
    "slope": ([layer("LeakyReLU", alpha="x")], {}, "alpha|negative_slope"),
    "wrapper": ([layer("Bidirectional", layer=None)], {}, "the layer in Bidirectional"),
    "shape": ([layer("LSTM", units=5, batch_input_shape=[None, "x"])], {}, "an input's shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_clear_line(name):
    layers, settings, message = REFUSED[name]
    with pytest.raises(ParityUnavailable, match=message) as caught:
        normal(layers, **settings)
    assert "\n" not in str(caught.value)
