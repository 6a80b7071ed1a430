"""An initialiser's spec becomes the config that Keras writes, and back, without Keras.

What a model computes from given weights does not depend on how they were drawn. So nothing here
refuses a model: a setting that is no initialiser of ours (a custom class, a function, an array,
fans over chosen axes) reads as the default of the layer's spec.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from birnn_lightning.nn.specs import Initializer
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

Default = TypeVar("Default")

WITHOUT_SEED = (Zeros, Ones, Constant, Identity)
CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        *WITHOUT_SEED,
        RandomNormal,
        RandomUniform,
        TruncatedNormal,
        VarianceScaling,
        Orthogonal,
    )
}
FIXED: dict[str, Initializer] = {
    "GlorotUniform": INITIALIZERS["glorot_uniform"],
    "GlorotNormal": INITIALIZERS["glorot_normal"],
    "LecunUniform": INITIALIZERS["lecun_uniform"],
    "LecunNormal": INITIALIZERS["lecun_normal"],
    "HeUniform": INITIALIZERS["he_uniform"],
    "HeNormal": INITIALIZERS["he_normal"],
}
"""Classes of Keras without settings, each a `VarianceScaling` of ours."""

ALIASES = {
    "normal": "random_normal",
    "uniform": "random_uniform",
    "zero": "zeros",
    "one": "ones",
    "OrthogonalInitializer": "Orthogonal",
    "IdentityInitializer": "Identity",
}


def keras_initializer(spec: Initializer) -> dict[str, Any]:
    """An initialiser as Keras serializes it, unseeded."""
    class_name = next((name for name, fixed in FIXED.items() if fixed == spec), None)
    if class_name is None:
        class_name, config = type(spec).__name__, asdict(spec)
    else:
        config = {}
    if not isinstance(spec, WITHOUT_SEED):
        config["seed"] = None
    return {
        "module": "keras.initializers",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def read_initializer(value: Any, default: Default) -> Initializer | Default:
    """The spec of an initialiser setting of Keras 1, 2 or 3: a name, or a serialized object.

    Args:
        value: the setting.
        default: what to return for everything that is no initialiser of ours.
    """
    if isinstance(value, str):
        value = {"class_name": value, "config": {}}
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return default
    config = value.get("config")
    name = ALIASES.get(value["class_name"], value["class_name"])
    if value.get("registered_name") not in (None, name) or not isinstance(config, Mapping):
        return default
    if name in INITIALIZERS:
        name, config = _class_of(name, config)
    if config.get("input_axes") is not None or config.get("output_axes") is not None:
        return default
    if name in FIXED:
        return FIXED[name]
    if name not in CLASSES:
        return default
    try:
        return CLASSES[name](**_settings(CLASSES[name], config))
    except (ValueError, TypeError):
        return default


def _class_of(name: str, config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The class that a snake-case name stands for."""
    written = keras_initializer(INITIALIZERS[name])
    return written["class_name"], {**written["config"], **config}


def _settings(cls: type[Initializer], config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a class that its spec has; the others say how random numbers are made."""
    settings = {field.name: config[field.name] for field in fields(cls) if field.name in config}
    distribution = settings.get("distribution")
    if isinstance(distribution, str):  # Keras 2 wrote "normal" for what it truncates
        lowered = distribution.lower()
        settings["distribution"] = "truncated_normal" if lowered == "normal" else lowered
    return settings
