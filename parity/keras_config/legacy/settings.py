"""The values of settings (dtypes, activations, initialisers, penalties) as Keras 3 writes them."""

from collections.abc import Mapping
from typing import Any

from birnn_lightning.nn.specs.initializers import INITIALIZERS
from parity.keras_config.activations import keras_activation
from parity.keras_config.entry import INITIALIZER_SUFFIX
from parity.keras_config.initializers import ALIASES, keras_initializer
from parity.keras_config.legacy.checks import malformed
from parity.keras_config.legacy.written import Written
from parity.keras_config.penalties import KEPT_SUFFIXES

ACTIVATION_ALIASES = {
    None: "linear",
    "swish": "silu",
    "softmax_v2": "softmax",
    "log_softmax_v2": "log_softmax",
}
WITHOUT_WEIGHTS = ("int8", "int16", "int32", "int64", "uint8", "bool", None)
"""Dtypes that early versions wrote at an Embedding: those of its input."""
LAYERS_AS_ACTIVATIONS = ("LeakyReLU", "ReLU", "ELU", "PReLU", "Softmax")


def policy(value: Any, what: str) -> dict[str, Any]:
    """A layer's dtype as a policy, which Keras 1 and 2 wrote as a name or as another class."""
    if isinstance(value, Mapping):
        config = value.get("config")
        value = config.get("name") if isinstance(config, Mapping) else None
        if value is None:
            raise malformed(f"{what}: dtype", config, "a policy with a name")
    if value in WITHOUT_WEIGHTS or value == "_infer":
        value = "float32"
    if not isinstance(value, str):
        raise malformed(f"{what}: dtype", value, "the name of a dtype, or a policy")
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": value},
        "registered_name": None,
    }


def activation(value: Any, what: str, written: Written) -> Any:
    """An activation by its name today; ``hard_sigmoid`` is the function of the semantics."""
    if isinstance(value, Mapping):
        inner, class_name = value.get("config"), value.get("class_name")
        if class_name == "function" and isinstance(inner, str) and ">" not in inner:
            return activation(inner, what, written)
        if class_name == "Activation" and isinstance(inner, Mapping):
            return activation(inner.get("activation"), what, written)
        return dict(value)
    if value is not None and not isinstance(value, str):
        raise malformed(f"{what}: an activation", value, "a name or a serialized function")
    name = ACTIVATION_ALIASES.get(value, value)
    if name == "hard_sigmoid" and written.semantics == "keras2":
        written.note(
            "hard_sigmoid is clip(0.2 x + 0.5, 0, 1), as Keras 1 and 2 mean it; Keras 3's is "
            "relu6(x + 3) / 6."
        )
        return keras_activation("hard_sigmoid_keras2")
    return name


def initializer(value: Any) -> Any:
    """An initialiser as Keras 3 serializes it; what it does not know stays as it is."""
    if isinstance(value, str):
        value = {"class_name": value, "config": {}}
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return value
    config = value.get("config")
    config = dict(config) if isinstance(config, Mapping) else {}
    config.pop("dtype", None)
    name = ALIASES.get(value["class_name"], value["class_name"])
    if name in INITIALIZERS:
        written = keras_initializer(INITIALIZERS[name])
        name, config = written["class_name"], {**written["config"], **config}
    if config.get("distribution") == "normal":
        config["distribution"] = "truncated_normal"
    return {
        "module": value.get("module") or "keras.initializers",
        "class_name": name,
        "config": config,
        "registered_name": None,
    }


KERAS_1_PENALTIES = {
    "WeightRegularizer": "L1L2",
    "L1L2Regularizer": "L1L2",
    "ActivityRegularizer": "L1L2",
    "L1ActivityRegularizer": "L1L2",
}
KERAS_1_SETTINGS = {"m": "max_value", "low": "min_value", "high": "max_value"}


def penalty(value: Any, setting: str) -> Any:
    """A regulariser or constraint as Keras 3 serializes it; Keras 1's settings stood flat."""
    if isinstance(value, str) or not isinstance(value, Mapping):
        return value
    value = dict(value)
    if "class_name" not in value and isinstance(value.get("name"), str):
        name = value.pop("name")
        settings = {KERAS_1_SETTINGS.get(key, key): one for key, one in value.items()}
        value = {"class_name": KERAS_1_PENALTIES.get(name, name), "config": settings}
    module = "keras.regularizers" if setting.endswith("_regularizer") else "keras.constraints"
    return {"module": module, "registered_name": None, **value}


def setting(name: str, value: Any, what: str, written: Written) -> Any:
    """The value of any setting that has the same meaning in every class.

    Args:
        name: of the setting, today's.
        value: as the file has it.
        what: the layer, for errors.
        written: what wrote the file.
    """
    if name == "dtype":
        return policy(value, what)
    if name in ("activation", "recurrent_activation"):
        return activation(value, what, written)
    if name.endswith(INITIALIZER_SUFFIX):
        return initializer(value)
    if name.endswith(KEPT_SUFFIXES):
        return penalty(value, name)
    return value
