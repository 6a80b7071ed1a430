"""One layer of any Keras version becomes the layer that today's Keras writes."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from parity.keras_config.legacy.builtin import CUSTOM, KNOWN, RENAMED_CLASSES, is_builtin
from parity.keras_config.legacy.checks import flag, mapping, number, serialized, text
from parity.keras_config.legacy.defaults import defaults
from parity.keras_config.legacy.keras1 import keras2_layer
from parity.keras_config.legacy.operations import MODULES
from parity.keras_config.legacy.settings import LAYERS_AS_ACTIVATIONS, policy, setting
from parity.keras_config.legacy.weights import weight_form
from parity.keras_config.legacy.written import Written
from parity.results import ParityUnavailable

Config: TypeAlias = dict[str, Any]
Submodel: TypeAlias = Callable[[str, Any], tuple[str, Config]]
"""Normalises a model inside a model: its class and config."""

MODELS = {
    "Functional": ("keras.src.models.functional", "Functional"),
    "Sequential": ("keras", None),
}
"""Where Keras keeps its model classes, and as what it registers them."""
MODEL_NAMES = {
    **dict.fromkeys(("Model", "Functional", "Network", "Container"), "Functional"),
    "Sequential": "Sequential",
}
OPERATIONS = ("keras.src.ops", "keras.ops")

# Said elsewhere today, or without influence on what is computed.
LEFT_OUT = {"batch_input_shape", "input_dtype", "input_shape", "implementation", "input_length"}
ONLY_AS: dict[str, tuple[Any, ...]] = {
    "time_major": (False,),
    "causal": (False,),
    "renorm": (False,),
    "renorm_clipping": (None, {}),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "num_constants": (None, 0),
    "reverse_state_order": (False,),
    "dynamic": (False,),
    "experimental_autocast": (True,),
    "autocast": (True, None),
}
"""Settings that today's Keras has not, and the values with which nothing is lost."""
LEFT_OUT_OF: dict[str, set[str]] = {
    "BatchNormalization": {"fused", "renorm_momentum"},
    "Conv1D": {"input_dim"},
}
SPATIAL = ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
RENAMED_SETTINGS = {"LeakyReLU": {"alpha": "negative_slope"}, "ReLU": {"alpha": "negative_slope"}}
NUMBERS = ("negative_slope", "alpha", "max_value", "threshold", "theta")
ACTIVATION_LAYERS = ("ReLU", "LeakyReLU", "ELU", "ThresholdedReLU")
ONE_AXIS = ("BatchNormalization", "LayerNormalization", "Softmax")
RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN")


def normalized_layer(layer: Any, written: Written, submodel: Submodel, place: str) -> Config:
    """A layer as today's Keras serializes it, perhaps with a ``weight_form``.

    Args:
        layer: the serialized layer.
        written: what wrote the file.
        submodel: normalises a model inside the model.
        place: where the layer stands, for errors.

    Raises:
        ParityUnavailable: what is not a layer, or a setting whose meaning would be lost.
    """
    entry = mapping(layer, place)
    if "class_name" not in entry and isinstance(entry.get("name"), str):  # before Keras 1.0
        entry = {"class_name": entry["name"], "config": {**entry, "name": entry.get("custom_name")}}
    class_name = text(entry.get("class_name"), f"the class of {place}")
    if class_name in MODEL_NAMES and entry.get("registered_name") in (None, class_name):
        model_class, config = submodel(MODEL_NAMES[class_name], entry.get("config"))
        module, registered = MODELS[model_class]
        return _serialized(model_class, config, module, registered)
    config = mapping(entry.get("config"), f"the config of {place}")
    if not isinstance(config.get("name"), str):
        config["name"] = f"{class_name.lower()}_{place.rpartition(' ')[2]}"
    module = entry.get("module")
    if module is None and written.major == 3 and "trainable" not in config:
        module = MODULES.get(class_name)
    if isinstance(module, str) and module.startswith(OPERATIONS):
        return _serialized(class_name, config, module, class_name)
    if not is_builtin(class_name, entry, config, written):
        owner = module if isinstance(module, str) else CUSTOM
        registered = entry.get("registered_name") or class_name
        return _serialized(class_name.rpartition(">")[2], config, owner, registered)
    new_class, config = _builtin(class_name, config, written, submodel)
    result = _serialized(new_class, config)
    form = weight_form(RENAMED_CLASSES.get(class_name, class_name), new_class, entry, written)
    return result if form is None else {**result, "weight_form": form}


def _serialized(
    class_name: str, config: Config, module: str | None = "keras.layers", registered: Any = None
) -> Config:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": registered,
    }


def _builtin(
    class_name: str, config: Config, written: Written, submodel: Submodel
) -> tuple[str, Config]:
    """Class and settings of a layer of Keras itself."""
    what = f"{class_name} layer {config['name']!r}"
    if written.major == 1:
        class_name, config = keras2_layer(class_name, config, written)
    class_name = RENAMED_CLASSES.get(class_name, class_name)
    if class_name == "InputLayer":
        return class_name, input_config(config, what)
    if class_name.startswith("CuDNN"):
        class_name = class_name.removeprefix("CuDNN")
        config |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
        config |= {"reset_after": True} if class_name == "GRU" else {}
    config = _without_the_past(class_name, config, what)
    renamed = RENAMED_SETTINGS.get(class_name, {})
    config = {renamed.get(key, key): value for key, value in config.items()}
    if class_name in ACTIVATION_LAYERS:
        for name in NUMBERS:
            if config.get(name) is not None:
                config[name] = number(config[name], f"{what}: {name}")
    if class_name == "ThresholdedReLU":
        class_name = "ReLU"
        config["threshold"] = config.pop("theta", 1.0)
    axis = config.get("axis")
    if class_name in ONE_AXIS and isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    unsaid = defaults(class_name, written) if class_name in KNOWN else {}
    settings = {"name": config["name"], "trainable": True, "dtype": None, **unsaid, **config}
    settings["trainable"] = flag(settings["trainable"], f"{what}: trainable")
    settings = {key: setting(key, one, what, written) for key, one in settings.items()}
    _nest(class_name, settings, written, submodel, what)
    return class_name, settings


def _without_the_past(class_name: str, config: Config, what: str) -> Config:
    """The settings without those that today's Keras has not."""
    left_out = LEFT_OUT | LEFT_OUT_OF.get(class_name, set())
    if class_name in SPATIAL and config.get("noise_shape", "") is None:
        left_out = {*left_out, "noise_shape"}
    kept = {}
    for key, value in config.items():
        if key in ONLY_AS and not _contains(ONLY_AS[key], value):
            raise ParityUnavailable(
                f"{what}: {key}={value!r} is not supported. Supported: "
                f"{' or '.join(map(repr, ONLY_AS[key]))}."
            )
        if key not in ONLY_AS and key not in left_out:
            kept[key] = value
    return kept


def _contains(allowed: tuple[Any, ...], value: Any) -> bool:
    return any(value == one and type(value) is type(one) for one in allowed)


def input_config(config: Config, what: str) -> Config:
    """The settings of an InputLayer."""
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    if shape is None and config.get("shape") is not None:
        shape = [config.get("batch_size"), *config["shape"]]
    if config.get("ragged"):
        raise ParityUnavailable(
            f"{what}: ragged=True is not supported. Save the model with a dense input."
        )
    dtype = config.get("dtype") or config.get("input_dtype") or "float32"
    if isinstance(dtype, Mapping):
        dtype = policy(dtype, what)["config"]["name"]
    return {
        "batch_shape": shape,
        "dtype": dtype,
        "sparse": bool(config.get("sparse", False)),
        "ragged": False,
        "name": config["name"],
        "optional": bool(config.get("optional", False)),
    }


def _nest(
    class_name: str, settings: Config, written: Written, submodel: Submodel, what: str
) -> None:
    """Normalises the layers inside a layer, in place."""
    for name in ("activation", "recurrent_activation"):
        function = settings.get(name)
        if isinstance(function, dict) and function.get("class_name") in LAYERS_AS_ACTIVATIONS:
            settings[name] = normalized_layer(function, written, submodel, f"the {name} of {what}")
    if class_name in SPATIAL:  # the only layers that do not take the setting
        del settings["trainable"]
    if class_name in ("RNN", "StackedRNNCells"):
        _cells(class_name, settings, written, submodel, what)
    if class_name not in ("Bidirectional", "TimeDistributed"):
        return
    place = f"the layer in {what}"
    inner = normalized_layer(settings.get("layer"), written, submodel, place)
    settings["layer"] = inner
    if class_name == "TimeDistributed":
        return
    other = settings.get("backward_layer")
    if other is None:
        backward = {**inner, "config": dict(inner["config"])}
        if inner["class_name"] in RECURRENT:
            backward["config"]["go_backwards"] = not inner["config"]["go_backwards"]
    else:
        backward = normalized_layer(other, written, submodel, place)
    for part, prefix in ((inner, "forward_"), (backward, "backward_")):
        name = part["config"]["name"]
        if other is None or prefix == "forward_":
            name = prefix + name.removeprefix("forward_")
        part["config"]["name"] = name
        if part["class_name"] in RECURRENT:
            part["config"]["zero_output_for_mask"] = inner["config"].get("return_sequences", False)
    settings["backward_layer"] = backward


def _cells(
    class_name: str, settings: Config, written: Written, submodel: Submodel, what: str
) -> None:
    place = f"a cell of {what}"
    if class_name == "RNN":
        settings["cell"] = normalized_layer(settings.get("cell"), written, submodel, place)
        return
    cells = settings.get("cells")
    for cell in cells if isinstance(cells, list) else [cells]:
        serialized(cell, place)
    settings["cells"] = [normalized_layer(cell, written, submodel, place) for cell in cells or ()]
