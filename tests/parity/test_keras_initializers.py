"""An initialiser's spec becomes a Keras config and back; what is none of ours is the default."""

import json

import pytest

from birnn_lightning.nn.specs.initializers import (
    INITIALIZERS,
    Constant,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from parity.keras_config.initializers import keras_initializer, read_initializer

DEFAULT = RandomNormal(mean=19.0)
SPECS = [
    *INITIALIZERS.values(),
    Constant(value=-2.5),
    RandomNormal(mean=0.3, stddev=2.0),
    RandomUniform(minval=-3.0, maxval=1.0),
    TruncatedNormal(mean=1.0, stddev=0.2),
    VarianceScaling(scale=0.3, mode="fan_out", distribution="untruncated_normal"),
    Orthogonal(gain=1.4),
    Identity(gain=-2.0),
]


def written(class_name, **config):
    return {"class_name": class_name, "config": config}


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_spec_comes_back(spec):
    config = json.loads(json.dumps(keras_initializer(spec)))
    assert config["module"] == "keras.initializers"
    assert read_initializer(config, DEFAULT) == spec


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ("he_normal", VarianceScaling(scale=2.0)),
        ("HeNormal", VarianceScaling(scale=2.0)),
        ("glorot_uniform", VarianceScaling(mode="fan_avg", distribution="uniform")),
        ("normal", RandomNormal()),
        ("uniform", RandomUniform()),
        ("zero", Zeros()),
        ("one", Ones()),
        ("OrthogonalInitializer", Orthogonal()),
        ("IdentityInitializer", Identity()),
        (written("glorot_uniform", seed=3), INITIALIZERS["glorot_uniform"]),
        (written("GlorotUniform", seed=3, dtype="float32"), INITIALIZERS["glorot_uniform"]),
        (written("random_normal", stddev=0.3), RandomNormal(stddev=0.3)),
        (
            written(
                "VarianceScaling", scale=1.0, mode="fan_avg", distribution="uniform", seed=None
            ),
            INITIALIZERS["glorot_uniform"],
        ),
        (
            written("VarianceScaling", scale=2.0, mode="fan_in", distribution="normal"),
            INITIALIZERS["he_normal"],
        ),
        (
            written("VarianceScaling", distribution="Untruncated_Normal"),
            VarianceScaling(distribution="untruncated_normal"),
        ),
        (written("Orthogonal", gain=1.4, seed=None), Orthogonal(gain=1.4)),
        (written("Constant", value=2), Constant(value=2)),
        ({**written("Zeros"), "registered_name": None, "module": "keras.initializers"}, Zeros()),
    ],
)
def test_every_form_that_keras_wrote(value, spec):
    assert read_initializer(value, DEFAULT) == spec


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [0.0, 1.0],
        "mine",
        written("STFT"),
        written("Mine", gain=2),
        written(["GlorotUniform"]),
        {"class_name": "GlorotUniform", "config": None},
        {**written("GlorotUniform"), "registered_name": "mine>GlorotUniform"},
        {"class_name": "function", "config": "my_function", "registered_name": "function"},
        written("Constant", value={"class_name": "__numpy__", "config": {}}),
        written("VarianceScaling", scale=-1.0),
        written("VarianceScaling", distribution="cauchy"),
        written("GlorotUniform", input_axes=[0], output_axes=[1]),
        written("VarianceScaling", input_axes=[0], output_axes=[1]),
        written("RandomNormal", stddev={"class_name": "__tensor__"}),
    ],
    ids=str,
)
def test_what_is_none_of_ours_is_the_default(value):
    assert read_initializer(value, DEFAULT) is DEFAULT
