"""A regulariser's or a constraint's spec becomes the config that Keras writes, and back.

Neither changes what a model computes from its weights. So one that we do not have (a class of
somebody's own, Keras's ``OrthogonalRegularizer``) refuses no model: it is left out, with a warning
that names it, because training would go on without it.
"""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from birnn_lightning.nn.specs import (
    Constraint,
    Regularizer,
    constraint_of,
    regularizer_of,
)
from birnn_lightning.nn.specs.constraints import CONSTRAINTS
from birnn_lightning.nn.specs.regularizers import REGULARIZERS
from parity.keras_config.activations import shown

KEPT_SUFFIXES = ("_regularizer", "_constraint")
"""How Keras's settings end whose values are such specs."""

Kept = Regularizer | Constraint
CLASSES: dict[str, dict[str, type[Kept]]] = {
    "_regularizer": {type(one).__name__: type(one) for one in REGULARIZERS.values()},
    "_constraint": {type(one).__name__: type(one) for one in CONSTRAINTS.values()},
}
NAMED = {"_regularizer": regularizer_of, "_constraint": constraint_of}
MODULES = {Regularizer: "keras.regularizers", Constraint: "keras.constraints"}


class SettingLeftOut(UserWarning):
    """A setting of training that was not carried over; what the model computes is the same."""


def keras_penalty(spec: Kept) -> dict[str, Any]:
    """A regulariser or a constraint as Keras serializes it."""
    values = asdict(spec)
    config = {name: list(one) if isinstance(one, tuple) else one for name, one in values.items()}
    return {
        "module": next(module for kind, module in MODULES.items() if isinstance(spec, kind)),
        "class_name": type(spec).__name__,
        "config": config,
        "registered_name": None,
    }


def read_penalty(config: Mapping[str, Any], setting: str, class_name: str) -> Any:
    """The spec of a regulariser or constraint setting of Keras 1, 2 or 3, or None.

    Args:
        config: the layer's settings.
        setting: the name of this one.
        class_name: the layer's class, for the warning.

    Warns:
        SettingLeftOut: there is one that we do not have.
    """
    value = config[setting]
    if value is None:
        return None
    spec = _spec(value, "_" + setting.rpartition("_")[2])
    if spec is None:
        leave_out(config, setting, class_name)
    return spec


def leave_out(config: Mapping[str, Any], setting: str, class_name: str) -> None:
    """Warns that a setting is not carried over, unless there is none."""
    if config.get(setting) is not None:
        warnings.warn(
            f"{class_name} layer {config.get('name')!r}: {setting}={shown(config[setting])} is "
            "left out: the model computes the same, but training it further would not be the same.",
            SettingLeftOut,
            stacklevel=2,
        )


def _spec(value: Any, suffix: str) -> Any:
    """The spec that a name or a serialized object stands for; None where it is none of ours."""
    if isinstance(value, str):
        try:
            return NAMED[suffix](value)
        except ValueError:
            value = {"class_name": value, "config": {}}
    if not isinstance(value, Mapping):
        return None
    name, config = value.get("class_name"), value.get("config")
    if value.get("registered_name") not in (None, name) or not isinstance(config, Mapping):
        return None
    cls = CLASSES[suffix].get(str(name))
    if cls is None or not config.keys() <= {one.name for one in fields(cls)}:
        return None
    values = {key: tuple(one) if isinstance(one, list) else one for key, one in config.items()}
    try:
        return cls(**values)
    except (ValueError, TypeError):
        return None
