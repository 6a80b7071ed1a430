"""Regularisers and constraints cross in both directions; what we lack is named, not refused."""

import re
from typing import Any

import pytest

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import L1, L1L2, L2, MaxNorm, MinMaxNorm, NonNeg
from parity.keras_config.penalties import SettingLeftOut, keras_penalty, read_penalty
from parity.keras_config.table import keras_layer, layer_spec


def read(value: Any, setting: str) -> Any:
    return read_penalty({"name": "mine", setting: value}, setting, "Dense")


@pytest.mark.parametrize(
    "spec",
    [
        *(L1(l1=0.5), L2(l2=0.25), L1L2(l1=0.5), L1L2(l1=0.5, l2=0.25)),
        *(MaxNorm(max_value=3, axis=(0, 1)), MinMaxNorm(rate=0.5), NonNeg()),
    ],
    ids=repr,
)
def test_they_come_back(spec: Any) -> None:
    setting = "kernel_regularizer" if isinstance(spec, specs.Regularizer) else "kernel_constraint"
    assert read(keras_penalty(spec), setting) == spec


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ("l2", L2(l2=0.01)),
        ("L1", L1(l1=0.01)),
        ({"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}, L1L2(l2=0.5)),
        (None, None),
    ],
)
def test_names_and_the_objects_of_older_versions(value: Any, spec: Any) -> None:
    assert read(value, "bias_regularizer") == spec


FOREIGN = {
    "OrthogonalRegularizer(factor=0.5)": {
        "class_name": "OrthogonalRegularizer",
        "config": {"factor": 0.5, "mode": "rows"},
    },
    "L2(l2=0.5)": {"class_name": "L2", "config": {"l2": 0.5}, "registered_name": "theirs>L2"},
    "'small'": "small",
}


@pytest.mark.parametrize(("shown", "value"), FOREIGN.items(), ids=FOREIGN)
def test_what_we_do_not_have_is_left_out_with_a_warning(shown: str, value: Any) -> None:
    message = re.escape(
        f"LSTM layer 'mine': kernel_regularizer={shown} is left out: the model computes the same, "
        "but training it further would not be the same."
    )
    config = {"name": "mine", "units": 5, "kernel_regularizer": value}
    with pytest.warns(SettingLeftOut, match=f"^{message}$"):
        spec = layer_spec("LSTM", config)
    assert spec == specs.Recurrent(cell="lstm", hidden_size=5)


L2_CONFIG = keras_penalty(L2(l2=0.5))
LOST: dict[str, tuple[str, dict[str, Any]]] = {
    "SimpleRNN": ("SimpleRNN", {"units": 5, "activity_regularizer": L2_CONFIG}),
    "LSTMCell": (
        "RNN",
        {
            "cell": {
                "class_name": "LSTMCell",
                "config": {"units": 5, "activity_regularizer": L2_CONFIG},
            }
        },
    ),
    "Dense": (
        "TimeDistributed",
        {
            "layer": {
                "class_name": "Dense",
                "config": {"units": 5, "activity_regularizer": L2_CONFIG},
            }
        },
    ),
    "GRU": (
        "TimeDistributed",
        {
            "layer": {
                "class_name": "Bidirectional",
                "config": {
                    "layer": {
                        "class_name": "GRU",
                        "config": {"units": 5, "activity_regularizer": L2_CONFIG},
                    }
                },
            }
        },
    ),
}


@pytest.mark.parametrize(("owner", "layer"), LOST.items(), ids=LOST)
def test_the_activity_that_keras_does_not_look_at_is_left_out(owner: str, layer: Any) -> None:
    with pytest.warns(SettingLeftOut, match=rf"^{owner} layer .*: activity_regularizer=L2\(l2=0.5"):
        spec = layer_spec(*layer)
    assert "L2" not in str(spec.to_config())


def test_an_rnn_with_activity_is_written_around_its_cell() -> None:
    spec = specs.Recurrent(cell="rnn", hidden_size=5, activity_regularizer=L2(l2=0.5))
    name, config = keras_layer(spec)
    assert (name, config["cell"]["class_name"]) == ("RNN", "SimpleRNNCell")
    assert layer_spec(name, config).to_config() == spec.to_config()


def test_a_layer_without_them_writes_none() -> None:
    _, config = keras_layer(specs.Dense(units=5))
    assert not [name for name in config if name.endswith(("_regularizer", "_constraint"))]
