"""A layer that makes tokens of strings leaves the model and becomes its preprocessing."""

from collections.abc import Callable, Mapping
from typing import Any

from birnn_lightning.data import TextPreprocessing
from parity.keras_config.vocabularies import TEXT_LAYERS, text_preprocessing
from parity.results import ParityUnavailable

Config = dict[str, Any]


def without_text_layer(
    class_name: str, config: Config, assets: Mapping[str, Callable[[], bytes]]
) -> tuple[Config, TextPreprocessing | None]:
    """The model from its tokens on, and what makes them.

    Args:
        class_name: ``"Sequential"`` or ``"Functional"``.
        config: of the model, normalised.
        assets: of the file, for the vocabulary.

    Returns:
        The config in which an input of tokens has the text layer's name and place, and the
        preprocessing; the config as it is, and None, where no layer takes strings.

    Raises:
        ParityUnavailable: several such layers, or one that does not stand at the entrance.
    """
    layers = config["layers"]
    found = [layer for layer in layers if layer["class_name"] in TEXT_LAYERS]
    if not found:
        return config, None
    if len(found) > 1:
        raise ParityUnavailable(
            f"the model has {len(found)} layers that take strings "
            f"({', '.join(_name(one) for one in found)}); one is supported."
        )
    (text,) = found
    preprocessing = text_preprocessing(text["class_name"], text["config"], assets)
    strings = _strings(class_name, layers, text)
    tokens = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "name": _name(text),
            "batch_shape": _shape(text, strings),
            "dtype": "int64",
        },
        "registered_name": None,
        "name": _name(text),
        "inbound_nodes": [],
    }
    kept = [tokens if one is text else one for one in layers if one is not strings]
    if class_name == "Functional":
        kept.sort(key=lambda one: one is not tokens)
        entrance = _renamed(
            config["input_layers"], _name(strings) if strings else None, _name(text)
        )
        return {**config, "layers": kept, "input_layers": entrance}, preprocessing
    return {**config, "layers": kept}, preprocessing


def _strings(class_name: str, layers: list[Config], text: Config) -> Config | None:
    """The input that the text layer takes; None for a Sequential model that does not list it."""
    if class_name == "Sequential":
        before = layers[: layers.index(text)]
        if [one["class_name"] for one in before] in ([], ["InputLayer"]):
            return before[0] if before else None
    elif len(text["inbound_nodes"]) == 1:
        (source,) = text["inbound_nodes"][0]["args"] or [None]
        history = source["config"]["keras_history"] if isinstance(source, dict) else [None]
        named = [one for one in layers if _name(one) == history[0]]
        if named and named[0]["class_name"] == "InputLayer":
            return named[0]
    raise ParityUnavailable(
        f"layer {_name(text)!r} of class {text['class_name']} must take an input of the model, and "
        "be called once. Take it out of the model and give the model the tokens."
    )


def _shape(text: Config, strings: Config | None) -> list[int | None]:
    """A text becomes a row of tokens; words looked up one by one stay as they stand."""
    if text["class_name"] == "TextVectorization":
        return [None, text["config"].get("output_sequence_length")]
    shape = (strings or {"config": {}})["config"].get("batch_shape") or [None, None]
    return list(shape)


def _renamed(value: Any, old: str | None, new: str) -> Any:
    """The model's inputs with another name for one of them."""
    if isinstance(value, Mapping):
        return {key: _renamed(part, old, new) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(part, old, new) for part in value]
    return new if value == old else value


def _name(layer: Config) -> str:
    return layer.get("name") or layer["config"]["name"]
