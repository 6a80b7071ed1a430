"""A spec and a Keras config say the same; what a spec cannot say is refused by name."""

import json

import pytest

from birnn_lightning.nn import specs
from parity import ParityUnavailable
from parity.keras_config.table import BY_SPEC, keras_layer, layer_spec

SPECS = {
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


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_comes_back_from_its_config(spec):
    name, config = keras_layer(spec)
    assert layer_spec(name, json.loads(json.dumps(config))) == spec


def test_every_kind_of_layer_is_in_the_table():
    kinds = {kind for kind in specs.Spec.kinds.values() if issubclass(kind, specs.LayerSpec)}
    nested = {specs.Recurrent, specs.RecurrentStack, specs.Bidirectional, specs.TimeDistributed}
    nested |= {specs.Submodel, specs.Operation, specs.Custom}  # which are no layers of Keras's own
    assert kinds - nested - {specs.LayerSpec, specs.Input} == BY_SPEC.keys()


def test_keras_defaults_are_the_specs_defaults():
    assert layer_spec("Dense", {"units": 5, "activation": None}) == specs.Dense(units=5)
    assert layer_spec("Dense", {"units": 5, "activation": "swish"}).activation == "silu"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("class_name", "config", "text"),
    [
        ("GlobalMaxPooling1D", {"data_format": "channels_first"}, "data_format='channels_first'"),
        ("Flatten", {"data_format": "channels_first"}, "data_format='channels_first'"),
        ("Dense", {"units": 5, "lora_rank": 2}, "lora_rank=2"),
        ("Dense", {"units": 5, "quantization_config": {"class_name": "Int8"}}, "=Int8 is not"),
        ("Embedding", {"input_dim": 5, "output_dim": 3, "lora_rank": 2}, "lora_rank=2"),
        ("Masking", {"mask_value": {"class_name": "__tensor__"}}, "mask_value=__tensor__"),
        ("Dense", {"units": 5, "frobnicate": 1}, "frobnicate=1"),
        ("Dense", {"units": 5, "activation": "swoosh"}, "activation 'swoosh' is not supported"),
        ("Lambda", {}, "of class Lambda"),
        ("MyLayer", {}, "of class MyLayer"),
    ],
)
def test_a_setting_or_a_class_is_refused_by_name(class_name, config, text):
    with pytest.raises(ParityUnavailable) as refused:
        layer_spec(class_name, {**config, "name": "mine"})
    assert "'mine'" in str(refused.value)
    assert text in str(refused.value)
