"""One entry a layer says how its spec is a Keras layer config, and back, without Keras."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.specs import LayerSpec
from parity.layout import KERAS_CLASSES
from parity.results import ParityUnavailable

ACTIVATION_ALIASES = {"swish": "silu", None: "linear"}
ACTIVATION_FIELDS = ("activation", "recurrent_activation")

# Settings that say how weights came to be or how they are trained, not what is computed from them.
TRAINING_SETTINGS = frozenset({"name", "trainable", "dtype", "seed", "implementation", "unroll"})
TRAINING_SUFFIXES = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, kw_only=True)
class KerasLayer:
    """How one spec class and one Keras layer class correspond.

    Attributes:
        name: the Keras class.
        spec: the spec class.
        fields: spec field to Keras setting.
        constants: spec fields that the Keras class implies.
        required: Keras settings that a spec cannot express, and the values that mean their absence.
        ignored: Keras settings without influence on what is computed.
        inputs: how many tensors it takes.
    """

    name: str
    spec: type[LayerSpec]
    fields: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    required: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    inputs: int = 1

    def to_config(self, spec: LayerSpec) -> dict[str, Any]:
        """The Keras settings of a spec."""
        return {keras: getattr(spec, ours) for ours, keras in self.fields.items()}

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
                raise _unsupported(self.name, config, setting)
        values = {ours: config[keras] for ours, keras in self.fields.items() if keras in config}
        for name in ACTIVATION_FIELDS:
            if name in values:
                values[name] = read_activation(values[name], self.name, config.get("name"))
        for name, value in values.items():
            if not isinstance(value, bool | int | float | str):
                raise _unsupported(self.name, config, self.fields[name])
        return self.spec(**values, **self.constants)


def is_training_setting(setting: str) -> bool:
    """Whether a Keras setting has no influence on what a layer computes from its weights."""
    return setting in TRAINING_SETTINGS or setting.endswith(TRAINING_SUFFIXES)


def _unsupported(class_name: str, config: Mapping[str, Any], setting: str) -> ParityUnavailable:
    return ParityUnavailable(
        f"{class_name} layer {config.get('name')!r}: {setting}={_shown(config[setting])} is not "
        "supported. Remove the setting, or open an issue with the layer's config."
    )


def _shown(value: Any) -> str:
    """A setting as errors quote it: of a serialized object, which may be long, the class alone."""
    if isinstance(value, dict):
        return str(value.get("class_name", "a function of its own"))
    return repr(value)


def read_activation(value: Any, layer: str, name: Any) -> str:
    """Our name of a Keras activation setting; raises ParityUnavailable for one we do not have."""
    if isinstance(value, str) or value is None:
        activation = ACTIVATION_ALIASES.get(value, value)
        if activation in ACTIVATIONS:
            return str(activation)
    raise ParityUnavailable(
        f"{layer} layer {name!r}: activation {_shown(value)} is not supported. "
        f"Supported: {', '.join(sorted(ACTIVATIONS))}."
    )


def _recurrent(cell: str, **fields: str) -> KerasLayer:
    common = {
        "hidden_size": "units",
        "activation": "activation",
        "use_bias": "use_bias",
        "return_sequences": "return_sequences",
        "go_backwards": "go_backwards",
        "zero_output_for_mask": "zero_output_for_mask",
    }
    return KerasLayer(
        name=KERAS_CLASSES[cell],
        spec=specs.Recurrent,
        fields={**common, **fields},
        constants={"cell": cell},
        required={
            "return_state": (False,),
            "stateful": (False,),
            "dropout": (0, 0.0),
            "recurrent_dropout": (0, 0.0),
        },
    )


QUANTIZATION = {"quantization_config": (None,)}
CHANNELS_LAST = {"data_format": ("channels_last", None)}
GATED = {"recurrent_activation": "recurrent_activation"}

RECURRENT_LAYERS: dict[str, KerasLayer] = {
    "rnn": _recurrent("rnn"),
    "lstm": _recurrent("lstm", unit_forget_bias="unit_forget_bias", **GATED),
    "gru": _recurrent("gru", reset_after="reset_after", **GATED),
}
OTHER_LAYERS = (
    KerasLayer(
        name="Embedding",
        spec=specs.Embedding,
        fields={
            "vocab_size": "input_dim",
            "embedding_dim": "output_dim",
            "mask_zero": "mask_zero",
        },
        required={**QUANTIZATION, "lora_rank": (None,)},
    ),
    KerasLayer(name="Masking", spec=specs.Masking, fields={"mask_value": "mask_value"}),
    KerasLayer(
        name="Dropout",
        spec=specs.Dropout,
        fields={"rate": "rate"},
        required={"noise_shape": (None,)},
    ),
    KerasLayer(
        name="Dense",
        spec=specs.Dense,
        fields={"units": "units", "activation": "activation", "use_bias": "use_bias"},
        required={**QUANTIZATION, "lora_rank": (None,)},
    ),
    KerasLayer(name="RepeatVector", spec=specs.RepeatVector, fields={"n": "n"}),
    KerasLayer(name="Flatten", spec=specs.Flatten, fields={}, required=CHANNELS_LAST),
    KerasLayer(
        name="GlobalMaxPooling1D",
        spec=specs.GlobalMaxPooling1D,
        fields={},
        required={**CHANNELS_LAST, "keepdims": (False,)},
    ),
    KerasLayer(
        name="GlobalAveragePooling1D",
        spec=specs.GlobalAveragePooling1D,
        fields={},
        required={**CHANNELS_LAST, "keepdims": (False,)},
    ),
    KerasLayer(
        name="Attention",
        spec=specs.Attention,
        fields={},
        required={"use_scale": (False,), "score_mode": ("dot",), "dropout": (0, 0.0)},
        inputs=2,
    ),
)
BY_KERAS_NAME = {entry.name: entry for entry in (*RECURRENT_LAYERS.values(), *OTHER_LAYERS)}
BY_SPEC = {entry.spec: entry for entry in OTHER_LAYERS}


def keras_layer(spec: LayerSpec) -> tuple[str, dict[str, Any]]:
    """The Keras class name and settings of a spec."""
    if isinstance(spec, specs.Bidirectional):
        forward, backward = (serialized_layer(direction) for direction in spec.directions)
        return "Bidirectional", {
            "layer": forward,
            "backward_layer": backward,
            "merge_mode": spec.merge_mode,
        }
    entry = (
        RECURRENT_LAYERS[spec.cell] if isinstance(spec, specs.Recurrent) else BY_SPEC[type(spec)]
    )
    return entry.name, entry.to_config(spec)


def serialized_layer(spec: LayerSpec) -> dict[str, Any]:
    """A spec as Keras serializes a nested layer."""
    name, config = keras_layer(spec)
    return {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None}


def inputs_of(class_name: str) -> int:
    """How many tensors a supported Keras layer takes."""
    return BY_KERAS_NAME[class_name].inputs if class_name in BY_KERAS_NAME else 1


def layer_spec(class_name: str, config: Mapping[str, Any]) -> LayerSpec:
    """The spec of a Keras layer.

    Raises:
        ParityUnavailable: a layer or a setting that is not supported; the message names it.
    """
    if class_name == "Bidirectional":
        return _bidirectional_spec(config)
    entry = BY_KERAS_NAME.get(class_name)
    if entry is None:
        raise ParityUnavailable(
            f"layer {config.get('name')!r} of class {class_name} is not supported. "
            f"Supported: {', '.join(sorted([*BY_KERAS_NAME, 'Bidirectional']))}."
        )
    return entry.from_config(config)


def _bidirectional_spec(config: Mapping[str, Any]) -> LayerSpec:
    """The two directions as Keras runs them, whatever their own ``zero_output_for_mask`` says."""
    for setting in config.keys() - {"layer", "backward_layer", "merge_mode"}:
        if not is_training_setting(setting):
            raise _unsupported("Bidirectional", config, setting)
    nested = [config["layer"], config.get("backward_layer")]
    directions: list[specs.Recurrent | None] = []
    for part in nested:
        spec = part and layer_spec(part["class_name"], part["config"])
        if spec and not isinstance(spec, specs.Recurrent):
            raise ParityUnavailable(
                f"Bidirectional layer {config.get('name')!r}: a {part['class_name']} inside is not "
                "supported. Supported: SimpleRNN, LSTM, GRU."
            )
        directions.append(spec)
    forward, backward = directions
    assert forward is not None
    return specs.Bidirectional(
        forward=forward, backward=backward, merge_mode=config.get("merge_mode", "concat")
    )
