"""A Sequential model of any version, its input first and explicit."""

from collections.abc import Mapping
from typing import Any

from parity.keras_config.legacy.checks import listing, malformed
from parity.keras_config.legacy.layers import (
    MODEL_NAMES,
    Config,
    Submodel,
    normalized_layer,
)
from parity.keras_config.legacy.settings import policy
from parity.keras_config.legacy.written import Written


def sequential(config: Config, written: Written, submodel: Submodel) -> Config:
    """The config of a Sequential model as today's Keras writes it.

    Args:
        config: the model's config, ``layers`` among it.
        written: what wrote the file.
        submodel: normalises a model inside the model.
    """
    entries = config["layers"]
    if written.major == 1:
        entries = [layer for entry in entries for layer in flattened(entry)]
    layers = [
        normalized_layer(entry, written, submodel, f"layer number {position}")
        for position, entry in enumerate(entries)
    ]
    if layers[0]["class_name"] != "InputLayer":
        shape = input_shape(entries[0]) or config.get("build_input_shape")
        if shape is not None:
            layers.insert(0, _input(layers[0], entries[0], shape))
    name = config.get("name")
    result = {
        "name": name if isinstance(name, str) else "sequential",
        "trainable": True,
        "dtype": policy(config.get("dtype"), "the model"),
        "layers": layers,
    }
    if layers[0]["class_name"] == "InputLayer":
        result["build_input_shape"] = layers[0]["config"]["batch_shape"]
    return result


def flattened(entry: Any) -> list[Any]:
    """The layers of a Sequential inside a Sequential: Keras 1 saved them one by one."""
    if not isinstance(entry, Mapping) or entry.get("class_name") != "Sequential":
        return [entry]
    inner = entry.get("config")
    inner = inner.get("layers") if isinstance(inner, Mapping) else inner
    return [layer for one in listing(inner, "the layers of a model") for layer in flattened(one)]


def input_shape(entry: Any) -> list[Any] | None:
    """The shape that a model's first layer says it takes, the batch's size first."""
    config = entry.get("config", entry) if isinstance(entry, Mapping) else entry
    if isinstance(config, list) and config:
        return input_shape(config[0])
    if not isinstance(config, Mapping):
        return None
    for name in ("batch_input_shape", "batch_shape", "input_shape"):
        if config.get(name) is not None:
            shape = listing(config[name], name)
            return shape if name != "input_shape" else [None, *shape]
    if entry.get("class_name") in MODEL_NAMES:
        layers = config.get("layers")
        return input_shape(layers[0]) if isinstance(layers, list) and layers else None
    if entry.get("class_name") == "Bidirectional" and isinstance(config.get("layer"), Mapping):
        return input_shape(config["layer"])
    features = config.get("input_dim")
    if isinstance(features, int) and entry.get("class_name") not in ("Embedding", None):
        return [None, *([config["input_length"]] if "input_length" in config else []), features]
    return None


def _input(first: Config, entry: Mapping[str, Any], shape: Any) -> Config:
    """The input that a Sequential made of its first layer's settings."""
    sizes = listing(shape, "an input's shape")
    if not all(size is None or (isinstance(size, int) and size > 0) for size in sizes):
        raise malformed("an input's shape", shape, "a list of sizes, null where any is")
    name = first["config"].get("name", "model")
    raw = entry.get("config")
    dtype = raw.get("input_dtype") if isinstance(raw, Mapping) else None
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": sizes,
            "dtype": dtype if isinstance(dtype, str) else _own_dtype(first),
            "sparse": False,
            "ragged": False,
            "name": f"{name}_input",
            "optional": False,
        },
        "registered_name": None,
    }


def _own_dtype(first: Config) -> str:
    own = first["config"].get("dtype")
    name = own["config"].get("name") if isinstance(own, Mapping) and "config" in own else None
    return name if name in ("float32", "float64") else "float32"
