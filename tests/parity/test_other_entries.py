"""The layers around the recurrent ones, read as Keras writes them; the rest is refused by name."""

import json
from typing import Any

import pytest

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import ParityUnavailable
from parity.keras_config.table import keras_layer, layer_spec, mask_rule, uses_mask
from tests.parity.layer_samples import ATTENTION, DISTRIBUTED, LAYERS, MERGES, Sample

EVERY = {
    **LAYERS,
    **MERGES,
    **ATTENTION,
    **{f"each {key}": one for key, one in DISTRIBUTED.items()},
}
CHANNELS_FIRST = {"data_format": "channels_first"}
CONV: dict[str, Any] = {"filters": 5, "kernel_size": [3]}


@pytest.mark.parametrize("sample", EVERY.values(), ids=EVERY)
def test_a_spec_comes_back_from_its_keras_config(sample: Sample) -> None:
    name, config = keras_layer(sample.spec)
    assert layer_spec(name, json.loads(json.dumps(config))) == sample.spec


@pytest.mark.parametrize("sample", EVERY.values(), ids=EVERY)
def test_a_model_comes_back_from_its_config_of_primitives(sample: Sample) -> None:
    inputs = [
        Node(name=f"input_{index}", layer=specs.Input(shape=shape))
        for index, shape in enumerate(sample.shapes)
    ]
    names = tuple(node.name for node in inputs)
    model = ModelSpec((*inputs, Node(name="last", layer=sample.spec, inputs=names)))
    config = json.loads(json.dumps(model.to_config()))
    assert ModelSpec.from_config(config) == model
    assert ModelSpec.from_config(config).to_config() == model.to_config()


@pytest.mark.parametrize(
    ("class_name", "config", "spec"),
    [
        ("Conv1D", {**CONV, "strides": [2]}, specs.Conv1D(filters=5, kernel_size=3, strides=2)),
        ("Conv1D", {**CONV, "kernel_size": 3}, specs.Conv1D(filters=5, kernel_size=3)),
        (
            "MaxPooling1D",
            {"pool_size": [3], "strides": [2]},
            specs.MaxPooling1D(pool_size=3, strides=2),
        ),
        ("MaxPooling1D", {"pool_size": [3], "strides": None}, specs.MaxPooling1D(pool_size=3)),
        ("BatchNormalization", {"axis": [2]}, specs.BatchNormalization(axis=2)),
        ("LayerNormalization", {"axis": [-1]}, specs.LayerNormalization()),
        ("LayerNormalization", {"axis": [-1, -2]}, specs.LayerNormalization(axis=(-2, -1))),
        (
            "Conv2D",
            {"filters": 5, "kernel_size": [3, 2], "strides": [1, 1], "dilation_rate": [1, 1]},
            specs.Conv2D(filters=5, kernel_size=(3, 2), strides=(1, 1), dilation_rate=(1, 1)),
        ),
        (
            "MaxPooling2D",
            {"pool_size": [2, 3], "strides": None},
            specs.MaxPooling2D(pool_size=(2, 3)),
        ),
        ("ZeroPadding1D", {"padding": 2}, specs.ZeroPadding1D(padding=(2, 2))),
        (
            "ZeroPadding2D",
            {"padding": [[1, 2], [0, 3]]},
            specs.ZeroPadding2D(padding=((1, 2), (0, 3))),
        ),
        ("Cropping2D", {"cropping": [1, 2]}, specs.Cropping2D(cropping=((1, 1), (2, 2)))),
        (
            "Rescaling",
            {"scale": {"class_name": "__numpy__", "config": {"value": [0.5, 2]}}, "offset": 1},
            specs.Rescaling(scale=(0.5, 2), offset=1),
        ),
        (
            "Normalization",
            {"axis": None, "mean": None, "variance": None},
            specs.Normalization(axis=()),
        ),
        (
            "Normalization",
            {"axis": [-1], "mean": [0.5, 2.0], "variance": [1, 3], "invert": True},
            specs.Normalization(mean=(0.5, 2.0), variance=(1, 3), invert=True),
        ),
        ("PReLU", {"shared_axes": None}, specs.PReLU()),
        ("PReLU", {"shared_axes": [1]}, specs.PReLU(shared_axes=(1,))),
        ("Dot", {"axes": [1, 2], "normalize": False}, specs.Dot(axes=(1, 2))),
        ("Reshape", {"target_shape": [3, -1]}, specs.Reshape(target_shape=(3, -1))),
        ("Dropout", {"rate": 0.5, "noise_shape": None}, specs.Dropout(rate=0.5)),
        (
            "Embedding",
            {"input_dim": 5, "output_dim": 3, "input_length": 7},
            specs.Embedding(vocab_size=5, embedding_dim=3),
        ),
        (
            "BatchNormalization",
            {"renorm_momentum": 0.99, "renorm": False, "trainable": False},
            specs.BatchNormalization(),
        ),
    ],
)
def test_what_keras_writes(class_name: str, config: dict[str, Any], spec: specs.LayerSpec) -> None:
    assert layer_spec(class_name, {**config, "name": "mine"}) == spec


@pytest.mark.parametrize(
    ("class_name", "config", "text"),
    [
        ("Conv1D", {**CONV, **CHANNELS_FIRST}, "data_format='channels_first'"),
        ("Conv1D", {**CONV, "kernel_size": [3, 3]}, "kernel_size=[3, 3]"),
        ("Conv1D", {**CONV, "lora_rank": 2}, "lora_rank=2"),
        ("MaxPooling1D", CHANNELS_FIRST, "data_format='channels_first'"),
        ("AveragePooling1D", CHANNELS_FIRST, "data_format='channels_first'"),
        ("AveragePooling1D", {"pool_size": [2, 2]}, "pool_size=[2, 2]"),
        ("GlobalAveragePooling1D", CHANNELS_FIRST, "data_format='channels_first'"),
        ("BatchNormalization", {"axis": [1, 2]}, "axis=[1, 2]"),
        ("BatchNormalization", {"renorm": True}, "renorm=True"),
        ("BatchNormalization", {"renorm_clipping": {"rmax": 2}}, "renorm_clipping="),
        ("BatchNormalization", {"synchronized": True}, "synchronized=True"),
        ("LayerNormalization", {"axis": "last"}, "axis='last'"),
        ("Conv2D", {"filters": 5, "kernel_size": [3, 3, 3]}, "kernel_size=[3, 3, 3]"),
        ("Conv2D", {"filters": 5, "kernel_size": 3, "lora_rank": 2}, "lora_rank=2"),
        ("Conv2D", {"filters": 5, "kernel_size": 3, **CHANNELS_FIRST}, "='channels_first'"),
        ("Conv1DTranspose", {**CONV, "dilation_rate": [2]}, "dilation_rate=[2]"),
        ("SeparableConv1D", {**CONV, "groups": 3}, "groups=3"),
        ("DepthwiseConv1D", {"kernel_size": [3], **CHANNELS_FIRST}, "data_format='channels_first'"),
        ("Conv1DTranspose", {**CONV, "output_padding": "one"}, "output_padding='one'"),
        ("ZeroPadding1D", CHANNELS_FIRST, "data_format='channels_first'"),
        ("ZeroPadding2D", {"padding": [1, 2, 3]}, "padding=[1, 2, 3]"),
        ("UpSampling2D", {"interpolation": "bilinear"}, "interpolation='bilinear'"),
        ("Rescaling", {"scale": "half"}, "scale='half'"),
        ("Rescaling", {"scale": {"class_name": "Custom"}}, "scale=Custom"),
        ("Normalization", {"axis": ["last"]}, "axis=['last']"),
        ("LayerNormalization", {"rms_scaling": True}, "rms_scaling=True"),
        ("Softmax", {"axis": [1, 2]}, "axis=[1, 2]"),
        ("ReLU", {"max_value": [1]}, "max_value=[1]"),
        ("LeakyReLU", {"negative_slope": None}, "negative_slope=None"),
        ("Dropout", {"rate": 0.5, "noise_shape": "half"}, "noise_shape='half'"),
        ("Dropout", {"rate": 0.5, "noise_shape": [None, 0.5]}, "noise_shape=[None, 0.5]"),
        ("SpatialDropout1D", {"rate": 0.5, "noise_shape": [1, 1, 1]}, "noise_shape=[1, 1, 1]"),
        ("Attention", {"causal": True}, "causal=True"),
        ("AdditiveAttention", {"score_mode": "dot"}, "score_mode='dot'"),
        ("Dot", {"axes": [1, 2, 3]}, "axes=[1, 2, 3]"),
        ("Dot", {"axes": [1, [2]]}, "axes=[1, [2]]"),
        ("Reshape", {"target_shape": [3, None]}, "target_shape=[3, None]"),
        ("Activation", {"activation": "swoosh"}, "swoosh"),
        ("Concatenate", {"axis": None}, "axis=None"),
        (
            "TimeDistributed",
            {"layer": {"class_name": "Dense", "config": {"units": 5}}, "stateful": True},
            "stateful=True",
        ),
    ],
)
def test_a_setting_is_refused_by_name(class_name: str, config: dict[str, Any], text: str) -> None:
    with pytest.raises(ParityUnavailable) as refused:
        layer_spec(class_name, {**config, "name": "mine"})
    assert f"{class_name} layer 'mine'" in str(refused.value)
    assert text in str(refused.value)


def test_a_layer_within_time_distributed_is_refused_by_name() -> None:
    inner = {"class_name": "SpectralNormalization", "config": {"name": "inside"}}
    with pytest.raises(ParityUnavailable, match="layer 'inside' of class SpectralNormalization"):
        layer_spec("TimeDistributed", {"name": "mine", "layer": inner})


def test_what_becomes_of_masks() -> None:
    """As the runs against Keras in test_layers_keras.py see it."""
    lstm = {"class_name": "LSTM", "config": {"units": 5, "return_sequences": True}}
    assert mask_rule("LSTM", {"units": 5}) == "drops"
    assert mask_rule("LSTM", {"return_sequences": True}) == "passes"
    assert mask_rule("Bidirectional", {"layer": lstm}) == "passes"
    assert mask_rule("TimeDistributed", {"layer": lstm}) == "passes"
    assert mask_rule("Conv1D", {}) == "drops"
    assert mask_rule("Add", {}) == "any"
    assert uses_mask("BatchNormalization", {})
    assert not uses_mask("LayerNormalization", {})
