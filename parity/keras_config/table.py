"""Every layer's entry: a spec becomes a Keras layer config, and back, without Keras."""

from collections.abc import Callable, Mapping
from typing import Any

from birnn_lightning.nn.specs import (
    Bidirectional,
    Custom,
    LayerSpec,
    Recurrent,
    RecurrentStack,
    TimeDistributed,
)
from birnn_lightning.nn.specs.custom import CUSTOM_LAYERS, settings_of
from parity.keras_config.entry import MaskRule, check_settings, kept_settings, serialized
from parity.keras_config.other import OTHER_LAYERS
from parity.keras_config.penalties import leave_out, read_penalty
from parity.keras_config.recurrent import (
    ACTIVITY,
    RECURRENT_CLASSES,
    recurrent_layer,
    recurrent_spec,
)
from parity.results import ParityUnavailable

BY_KERAS_NAME = {entry.name: entry for entry in OTHER_LAYERS}
STANDARD_CLASSES = frozenset({*BY_KERAS_NAME, *RECURRENT_CLASSES, "TimeDistributed"})
"""Keras's classes of layers that we have."""
BY_SPEC = {entry.spec: entry for entry in OTHER_LAYERS}


def keras_layer(spec: LayerSpec) -> tuple[str, dict[str, Any]]:
    """The Keras class name and settings of a spec."""
    if isinstance(spec, Recurrent | RecurrentStack | Bidirectional):
        return recurrent_layer(spec)
    if isinstance(spec, TimeDistributed):
        inner = serialized_layer(spec.layer)
        return "TimeDistributed", {"layer": inner, **kept_settings(spec, (ACTIVITY,))}
    entry = BY_SPEC[type(spec)]
    return entry.name, entry.to_config(spec)


def serialized_layer(spec: LayerSpec) -> dict[str, Any]:
    """A spec as Keras serializes a nested layer."""
    return serialized(*keras_layer(spec))


def mask_rule(class_name: str, config: Mapping[str, Any]) -> MaskRule:
    """What becomes of the masks that come to a supported Keras layer."""
    if class_name in CUSTOM_LAYERS:
        return CUSTOM_LAYERS[class_name].mask
    if class_name in RECURRENT_CLASSES:
        settings = config["layer"]["config"] if class_name == "Bidirectional" else config
        return "passes" if settings.get("return_sequences") else "drops"
    return BY_KERAS_NAME[class_name].mask if class_name in BY_KERAS_NAME else "passes"


def uses_mask(class_name: str, config: Mapping[str, Any]) -> bool:
    """Whether what a supported Keras layer computes depends on the masks that come to it."""
    if class_name in CUSTOM_LAYERS:
        return CUSTOM_LAYERS[class_name].uses_mask
    return class_name in RECURRENT_CLASSES or BY_KERAS_NAME[class_name].uses_mask


def layer_spec(
    class_name: str, config: Mapping[str, Any], read_inner: Callable[..., LayerSpec] | None = None
) -> LayerSpec:
    """The spec of a Keras layer.

    Args:
        class_name: the Keras class.
        config: its settings.
        read_inner: reads the layer inside a wrapper, from its class name and settings; default:
            this function, which knows no models.

    Raises:
        ParityUnavailable: a layer or a setting that is not supported; the message names it.
        ValueError: settings that do not go together.
    """
    if class_name in CUSTOM_LAYERS:
        return Custom(class_name=class_name, settings=settings_of(config))
    if class_name in RECURRENT_CLASSES:
        return recurrent_spec(class_name, config)
    if class_name == "TimeDistributed":
        return _time_distributed(config, read_inner or layer_spec)
    entry = BY_KERAS_NAME.get(class_name)
    if entry is None:
        raise ParityUnavailable(
            f"layer {config.get('name')!r} of class {class_name} is not supported; docs/parity.md "
            "lists the layers that are. Build the model without it, or say what computes it: "
            f"custom_layers={{{class_name!r}: birnn_lightning.CustomLayer(...)}}."
        )
    return entry.from_config(config)


def _time_distributed(
    config: Mapping[str, Any], read_inner: Callable[..., LayerSpec]
) -> TimeDistributed:
    check_settings("TimeDistributed", config, ("layer", ACTIVITY))
    inner = _without_activity(config["layer"])
    return TimeDistributed(
        layer=read_inner(inner["class_name"], inner["config"]),
        activity_regularizer=(
            read_penalty(config, ACTIVITY, "TimeDistributed") if ACTIVITY in config else None
        ),
    )


def _without_activity(layer: Mapping[str, Any]) -> dict[str, Any]:
    """A serialized layer, and those in it, without the regulariser that Keras does not look at."""
    leave_out(layer["config"], ACTIVITY, layer["class_name"])
    config = {name: value for name, value in layer["config"].items() if name != ACTIVITY}
    for name in ("layer", "backward_layer"):
        if config.get(name):
            config[name] = _without_activity(config[name])
    return {**layer, "config": config}
