"""An activation's name becomes the setting that Keras writes, and back, without Keras."""

from collections.abc import Callable, Mapping
from typing import Any

from birnn_lightning.nn.activations import ACTIVATIONS, LEAKY_SLOPE
from parity.results import ParityUnavailable

ALIASES = {"swish": "silu", "hard_swish": "hard_silu", None: "linear"}

PACKAGE = "birnn_lightning"
"""Under which our own functions must be registered with Keras, for it to read what we write."""
OURS_ALONE = ("hard_sigmoid_keras2",)

Settings = Mapping[str, Any]


def keras_activation(name: str) -> str | dict[str, Any]:
    """An activation as Keras serializes it: a name, or for one of our own a registered function."""
    if name not in OURS_ALONE:
        return name
    return {
        "module": "builtins",
        "class_name": "function",
        "config": f"{PACKAGE}>{name}",
        "registered_name": "function",
    }


def read_activation(value: Any, layer: str, name: Any, dtype: Any = None) -> str:
    """Our name of an activation setting: a name, a function or a layer that acts as one.

    Args:
        value: the setting.
        layer: the Keras class, for the error.
        name: the layer's name, for the error.
        dtype: the layer's own setting; an activation layer of another would round.

    Raises:
        ParityUnavailable: an activation that we do not have.
    """
    activation = _activation(value, dtype)
    if activation is None:
        raise ParityUnavailable(
            f"{layer} layer {name!r}: activation {shown(value)} is not supported. "
            f"Supported: {', '.join(sorted(ACTIVATIONS))}."
        )
    return activation


def shown(value: Any) -> str:
    """A setting as errors quote it: of a serialized object its class and its numbers."""
    if not isinstance(value, Mapping):
        return repr(value)
    class_name, config = value.get("class_name", "a function of its own"), value.get("config")
    if class_name == "function" and isinstance(config, str):
        return repr(config)
    numbers = {
        key: setting
        for key, setting in (config.items() if isinstance(config, Mapping) else ())
        if isinstance(setting, int | float) and key != "trainable"
    }
    listed = ", ".join(f"{key}={setting}" for key, setting in numbers.items())
    return f"{class_name}({listed})" if listed else str(class_name)


def _activation(value: Any, dtype: Any) -> str | None:
    if isinstance(value, str) or value is None:
        known = ACTIVATIONS.keys() - set(OURS_ALONE)
        activation = ALIASES.get(value, value)
        return activation if activation in known else None
    if not isinstance(value, Mapping):
        return None
    class_name, config = value.get("class_name"), value.get("config")
    if class_name == "function" and isinstance(config, str):
        package, _, function = config.rpartition(">")
        if package:
            return function if package == PACKAGE and function in OURS_ALONE else None
        return _activation(config, dtype)
    if class_name not in _LAYERS or value.get("registered_name") not in (None, class_name):
        return None
    if not isinstance(config, Mapping):
        return None
    own = config.get("dtype")
    if None not in (own, dtype) and policy_name(own) != policy_name(dtype):
        return None
    return _LAYERS[class_name](config)


def policy_name(dtype: Any) -> Any:
    """The name of a dtype policy, which Keras writes as a name or as an object."""
    if not isinstance(dtype, Mapping):
        return dtype
    return dtype.get("config", {}).get("name", dtype.get("class_name"))


def _relu(config: Settings) -> str | None:
    """``(negative_slope, max_value, threshold)`` under the names of Keras 3 and of Keras 2."""
    slope = _first(config, ("negative_slope", "alpha"), 0.0)
    limit, threshold = config.get("max_value"), config.get("threshold", 0.0)
    if threshold != 0:
        return None
    if limit is None:
        return "relu" if slope == 0 else _leaky_relu(config)
    return "relu6" if limit == 6 and slope == 0 else None


def _leaky_relu(config: Settings) -> str | None:
    """Keras's layer has the slope 0.3 where its function has 0.2."""
    slope = _first(config, ("negative_slope", "alpha"), 0.3)
    return "leaky_relu" if slope in (0.2, LEAKY_SLOPE) else None


def _elu(config: Settings) -> str | None:
    return "elu" if config.get("alpha", 1.0) == 1 else None


def _softmax(config: Settings) -> str | None:
    return "softmax" if config.get("axis", -1) in (-1, [-1]) else None


def _wrapped(config: Settings) -> str | None:
    return _activation(config.get("activation"), config.get("dtype"))


def _first(config: Settings, names: tuple[str, ...], default: float) -> Any:
    return next((config[name] for name in names if name in config), default)


_LAYERS: dict[str, Callable[[Settings], str | None]] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "Activation": _wrapped,
}
"""Keras's layers that may stand for an activation function: from their settings to our name."""
