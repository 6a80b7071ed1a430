"""An entry says how one spec class and one Keras layer class correspond, setting by setting."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from birnn_lightning.nn.specs import Initializer, LayerSpec
from parity.keras_config.activations import keras_activation, read_activation, shown
from parity.keras_config.initializers import keras_initializer, read_initializer
from parity.keras_config.penalties import KEPT_SUFFIXES, keras_penalty, leave_out, read_penalty
from parity.results import ParityUnavailable

ACTIVATION_FIELDS = ("activation", "recurrent_activation")
INITIALIZER_SUFFIX = "_initializer"

# Settings that say how weights came to be or how they are trained, not what is computed from them.
TRAINING_SETTINGS = frozenset({"name", "trainable", "dtype", "seed", "implementation", "unroll"})

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
            every other one a primitive, or what its reader makes of one. Regularisers and
            constraints are not in it: their settings have the fields' names.
        constants: spec fields that the Keras class implies.
        required: Keras settings that a spec cannot express, and the values that mean their absence.
        ignored: Keras settings without influence on what is computed.
        unread: regularisers that the Keras class takes and does not look at, or cannot run.
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
    unread: frozenset[str] = frozenset()
    readers: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    mask: MaskRule = "passes"
    uses_mask: bool = False

    def to_config(self, spec: LayerSpec) -> dict[str, Any]:
        """The Keras settings of a spec."""
        settings = {
            keras: _written(ours, getattr(spec, ours)) for ours, keras in self.fields.items()
        }
        return {**settings, **kept_settings(spec, self.kept)}

    @property
    def kept(self) -> tuple[str, ...]:
        """The spec's fields that hold a regulariser or a constraint, which Keras reads too."""
        names = (one.name for one in fields(self.spec) if one.name.endswith(KEPT_SUFFIXES))
        return tuple(name for name in names if name not in self.unread)

    def from_config(self, config: Mapping[str, Any]) -> LayerSpec:
        """The spec of Keras settings.

        Raises:
            ParityUnavailable: a setting that a spec cannot express; the message names it.
        """
        known = {*self.fields.values(), *self.kept, *self.ignored}
        check_settings(self.name, config, known, self.required)
        values = {
            ours: self._read(ours, config, keras)
            for ours, keras in self.fields.items()
            if keras in config
        }
        penalties = {
            name: read_penalty(config, name, self.name) for name in self.kept if name in config
        }
        return self.spec(**values, **penalties, **self.constants)

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


def kept_settings(spec: LayerSpec, names: Collection[str]) -> dict[str, Any]:
    """The Keras settings of those of a spec's regularisers and constraints that there are."""
    values = {name: getattr(spec, name) for name in names}
    return {name: keras_penalty(one) for name, one in values.items() if one is not None}


def check_settings(
    class_name: str,
    config: Mapping[str, Any],
    known: Collection[str],
    required: Mapping[str, tuple[Any, ...]] | None = None,
) -> None:
    """Raises ParityUnavailable for a setting that is not known and changes what is computed.

    Args:
        class_name: the Keras class.
        config: its settings.
        known: names of those that are read, or do not matter.
        required: others, and the values that mean their absence.

    Warns:
        SettingLeftOut: a regulariser or constraint that is not known.
    """
    for setting, value in config.items():
        if setting in known or setting in TRAINING_SETTINGS or setting.endswith(INITIALIZER_SUFFIX):
            continue
        if setting.endswith(KEPT_SUFFIXES):
            leave_out(config, setting, class_name)
        elif value not in (required or {}).get(setting, ()):
            raise unsupported(class_name, config, setting)


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
