"""An entry says how one spec class and one Keras layer class correspond, setting by setting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from birnn_lightning.nn.specs import Initializer, LayerSpec
from parity.keras_config.activations import keras_activation, read_activation, shown
from parity.keras_config.initializers import keras_initializer, read_initializer
from parity.results import ParityUnavailable

ACTIVATION_FIELDS = ("activation", "recurrent_activation")
INITIALIZER_SUFFIX = "_initializer"

# Settings that say how weights came to be or how they are trained, not what is computed from them.
TRAINING_SETTINGS = frozenset({"name", "trainable", "dtype", "seed", "implementation", "unroll"})
TRAINING_SUFFIXES = (INITIALIZER_SUFFIX, "_regularizer", "_constraint")


MaskRule = Literal["passes", "drops", "makes", "any", "concatenates"]
"""The output's mask: the first input's; none; one that the layer finds in its input (if its setting
says so); valid where any input is, if all have masks; the inputs' along an axis."""


@dataclass(frozen=True, kw_only=True)
class KerasLayer:
    """How one spec class and one Keras layer class correspond.

    Attributes:
        name: the Keras class.
        spec: the spec class.
        fields: spec field to Keras setting. A field whose name ends in ``_initializer`` holds an
            `Initializer`, ``activation`` and ``recurrent_activation`` hold an activation's name,
            every other one a primitive, or what its reader makes of one.
        constants: spec fields that the Keras class implies.
        required: Keras settings that a spec cannot express, and the values that mean their absence.
        ignored: Keras settings without influence on what is computed.
        readers: for spec fields that are no plain numbers, strings or flags: the Keras setting to
            the field's value; raises ValueError for a setting that a spec cannot express.
        mask: what becomes of the masks of its inputs, see `MaskRule`.
        uses_mask: whether what it computes depends on them.
    """

    name: str
    spec: type[LayerSpec]
    fields: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    required: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    readers: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    mask: MaskRule = "passes"
    uses_mask: bool = False

    def to_config(self, spec: LayerSpec) -> dict[str, Any]:
        """The Keras settings of a spec."""
        return {keras: _written(ours, getattr(spec, ours)) for ours, keras in self.fields.items()}

    def from_config(self, config: Mapping[str, Any]) -> LayerSpec:
        """The spec of Keras settings.

        Raises:
            ParityUnavailable: a setting that a spec cannot express; the message names it.
        """
        known = set(self.fields.values())
        for setting, value in config.items():
            if setting in known or setting in self.ignored or is_training_setting(setting):
                continue
            if value not in self.required.get(setting, ()):
                raise unsupported(self.name, config, setting)
        values = {
            ours: self._read(ours, config, keras)
            for ours, keras in self.fields.items()
            if keras in config
        }
        return self.spec(**values, **self.constants)

    def _read(self, ours: str, config: Mapping[str, Any], keras: str) -> Any:
        value = config[keras]
        if ours.endswith(INITIALIZER_SUFFIX):
            return read_initializer(value, default=self._default(ours))
        if ours in ACTIVATION_FIELDS:
            return read_activation(value, self.name, config.get("name"), config.get("dtype"))
        if ours in self.readers:
            try:
                return self.readers[ours](value)
            except ValueError:
                raise unsupported(self.name, config, keras) from None
        if not isinstance(value, bool | int | float | str):
            raise unsupported(self.name, config, keras)
        return value

    def _default(self, ours: str) -> Any:
        return next(one.default for one in fields(self.spec) if one.name == ours)


def _written(ours: str, value: Any) -> Any:
    if isinstance(value, Initializer):
        return keras_initializer(value)
    return keras_activation(value) if ours in ACTIVATION_FIELDS else value


def is_training_setting(setting: str) -> bool:
    """Whether a Keras setting has no influence on what a layer computes from its weights."""
    return setting in TRAINING_SETTINGS or setting.endswith(TRAINING_SUFFIXES)


def unsupported(class_name: str, config: Mapping[str, Any], setting: str) -> ParityUnavailable:
    """The error for a setting that a spec cannot express."""
    return ParityUnavailable(
        f"{class_name} layer {config.get('name')!r}: {setting}={shown(config[setting])} is not "
        "supported. Remove the setting, or open an issue with the layer's config."
    )


def serialized(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer as Keras serializes one inside another."""
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": dict(config),
        "registered_name": None,
    }
