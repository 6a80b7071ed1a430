"""A Sequential of Keras 1 that begins by merging others becomes a graph."""

from collections.abc import Mapping
from typing import Any

from parity.keras_config.legacy.checks import listing, malformed, mapping
from parity.keras_config.legacy.sequential import flattened, input_shape

Config = dict[str, Any]


def is_merged(layers: list[Any]) -> bool:
    """Whether a Sequential's first layer merges models."""
    first = layers[0]
    config = first.get("config")
    return (
        first.get("class_name") == "Merge"
        and isinstance(config, Mapping)
        and bool(config.get("layers"))
    )


def merged_inputs(config: Config) -> Config:
    """The functional config, in Keras 1's words, of a Sequential that begins with a Merge.

    Every branch is a Sequential, whose layers Keras 1 saved one by one; so they stand one by one
    here, each branch with an input of its own.
    """
    merge, *after = config["layers"]
    settings = mapping(merge["config"], "the config of a Merge layer")
    branches = listing(settings.pop("layers"), "the branches of a Merge layer")
    layers: list[Config] = []
    inputs, ends = [], []
    for branch in branches:
        chain = flattened(branch)
        name = _name(chain[0]) if chain else None
        shape = input_shape(chain[0]) if chain else None
        if name is None or shape is None:
            raise malformed("a branch of a Merge layer", branch, "a model that names its input")
        source = f"{name}_input"
        layers.append(_node("InputLayer", {"name": source, "batch_input_shape": shape}, []))
        inputs.append([source, 0, 0])
        ends.append(_chain(layers, chain, [source, 0, 0]))
    layers.append(_node("Merge", settings, [ends]))
    output = _chain(layers, after, [settings.get("name"), 0, 0])
    return {
        "name": config.get("name", "sequential"),
        "layers": layers,
        "input_layers": inputs,
        "output_layers": [output],
    }


def _chain(layers: list[Config], chain: list[Any], source: list[Any]) -> list[Any]:
    """Adds layers that follow each other; returns the reference to the last one's output."""
    for entry in chain:
        config = mapping(entry.get("config"), "the config of a layer")
        layers.append(_node(entry.get("class_name"), config, [[source]]))
        source = [config.get("name"), 0, 0]
    return source


def _node(class_name: Any, config: Config, calls: list[Any]) -> Config:
    return {
        "name": config.get("name"),
        "class_name": class_name,
        "config": config,
        "inbound_nodes": calls,
    }


def _name(entry: Any) -> Any:
    config = entry.get("config") if isinstance(entry, Mapping) else None
    return config.get("name") if isinstance(config, Mapping) else None
