"""A layer of Keras 1 becomes the same layer in the words of Keras 2."""

from collections.abc import Callable
from typing import Any

from parity.keras_config.legacy.checks import integer
from parity.keras_config.legacy.written import Written
from parity.results import ParityUnavailable

Config = dict[str, Any]

WEIGHTS = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
RECURRENT = {
    **WEIGHTS,
    "output_dim": "units",
    "inner_init": "recurrent_initializer",
    "U_regularizer": "recurrent_regularizer",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
CONVOLUTION = {**WEIGHTS, "nb_filter": "filters", "border_mode": "padding"}
DENSE = {**WEIGHTS, "output_dim": "units"}
POOLING_1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
POOLING_2D = {"border_mode": "padding"}
NOISE = {"p": "rate"}

SETTINGS: dict[str, tuple[str, dict[str, str]]] = {
    "Dense": ("Dense", DENSE),
    "TimeDistributedDense": ("Dense", DENSE),
    "Embedding": (
        "Embedding",
        {
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
    ),
    "SimpleRNN": ("SimpleRNN", RECURRENT),
    "LSTM": ("LSTM", RECURRENT),
    "GRU": ("GRU", RECURRENT),
    "Convolution1D": (
        "Conv1D",
        {**CONVOLUTION, "filter_length": "kernel_size", "subsample_length": "strides"},
    ),
    "AtrousConvolution1D": (
        "Conv1D",
        {
            **CONVOLUTION,
            "filter_length": "kernel_size",
            "subsample_length": "strides",
            "atrous_rate": "dilation_rate",
        },
    ),
    "Convolution2D": ("Conv2D", {**CONVOLUTION, "subsample": "strides"}),
    "AtrousConvolution2D": (
        "Conv2D",
        {**CONVOLUTION, "subsample": "strides", "atrous_rate": "dilation_rate"},
    ),
    "MaxPooling1D": ("MaxPooling1D", POOLING_1D),
    "AveragePooling1D": ("AveragePooling1D", POOLING_1D),
    "MaxPooling2D": ("MaxPooling2D", POOLING_2D),
    "AveragePooling2D": ("AveragePooling2D", POOLING_2D),
    "UpSampling1D": ("UpSampling1D", {"length": "size"}),
    "Dropout": ("Dropout", NOISE),
    "SpatialDropout1D": ("SpatialDropout1D", NOISE),
    "SpatialDropout2D": ("SpatialDropout2D", NOISE),
    "GaussianDropout": ("GaussianDropout", NOISE),
    "GaussianNoise": ("GaussianNoise", {"sigma": "stddev"}),
    "Reshape": ("Reshape", {"dims": "target_shape"}),
    "BatchNormalization": (
        "BatchNormalization",
        {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"},
    ),
    "PReLU": ("PReLU", {"init": "alpha_initializer"}),
}
"""Class of Keras 1 to its class in Keras 2, and the settings that changed their name."""

# How the layer was trained, or what its input was; a Sequential's input is read before.
LEFT_OUT = {"consume_less", "input_length", "cache_enabled", "custom_name"}
FEATURES_OF_INPUT = ("Dense", "Conv1D", "SimpleRNN", "LSTM", "GRU")
MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
}


def keras2_layer(class_name: str, config: Config, written: Written) -> tuple[str, Config]:
    """Class and settings in Keras 2; what is not known is returned unchanged.

    Raises:
        ParityUnavailable: a setting that later versions cannot express; the message names it.
    """
    what = f"{class_name} layer {config.get('name')!r}"
    if class_name == "Merge":
        return _merge(config, what)
    new_class, renamed = SETTINGS.get(class_name, (class_name, {}))
    settings = {renamed.get(key, key): value for key, value in config.items()}
    settings = {key: value for key, value in settings.items() if key not in LEFT_OUT}
    ordering = settings.pop("dim_ordering", None)
    if ordering is not None:
        settings["data_format"] = "channels_first" if ordering == "th" else "channels_last"
    if new_class in FEATURES_OF_INPUT:
        settings.pop("input_dim", None)
    if settings.get("padding") == "full":
        raise ParityUnavailable(
            f"{what}: border_mode='full' is not supported: no later Keras has it. Use 'valid' or "
            "'same'."
        )
    if new_class in SPECIAL:
        SPECIAL[new_class](settings, what, written)
    return new_class, settings


def _merge(config: Config, what: str) -> tuple[str, Config]:
    mode = config.get("mode", "sum")
    if not isinstance(mode, str) or mode not in MERGES or config.get("mode_type", "raw") != "raw":
        raise ParityUnavailable(
            f"{what}: mode={mode!r} is not supported. Supported: {', '.join(MERGES)}."
        )
    settings = {key: config[key] for key in ("name", "trainable") if key in config}
    if mode == "concat":
        settings["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        settings.update(axes=config.get("dot_axes", -1), normalize=False)
    return MERGES[mode], settings


def _lstm(settings: Config, what: str, written: Written) -> None:
    settings["unit_forget_bias"] = settings.pop("forget_bias_init", "one") in ("one", "ones")


def _gru(settings: Config, what: str, written: Written) -> None:
    settings["reset_after"] = False


def _embedding(settings: Config, what: str, written: Written) -> None:
    """It could drop whole rows in training; a later Keras has no such setting."""
    if settings.pop("dropout", 0):
        written.note(
            f"{what}: its dropout of whole words in training is left out; it changes no prediction."
        )


def _normalization(settings: Config, what: str, written: Written) -> None:
    mode = settings.pop("mode", 0)
    if mode != 0:
        raise ParityUnavailable(
            f"{what}: mode={mode!r} is not supported: it normalises with the statistics of what it "
            "is given. Only mode=0 is."
        )
    if written.version is None or written.version < (1, 1):
        raise ParityUnavailable(
            f"{what}: a BatchNormalization of a Keras that the file does not name, or of one "
            "before 1.1, is not supported: its 'running_std' may be a deviation or a variance. "
            "Save the model with Keras 1.2."
        )


def _conv1d(settings: Config, what: str, written: Written) -> None:
    _known_backend(what, written)


def _conv2d(settings: Config, what: str, written: Written) -> None:
    _known_backend(what, written)
    if "nb_row" in settings:
        size = [settings.pop("nb_row"), settings.pop("nb_col", None)]
        settings["kernel_size"] = [integer(part, f"{what}: a kernel size") for part in size]


def _known_backend(what: str, written: Written) -> None:
    if written.backend is None:
        raise ParityUnavailable(
            f"{what}: the file does not say whether Theano wrote it, which reads kernels from "
            "their end, or TensorFlow. Name the backend that it was trained with: "
            "backend='theano' or backend='tensorflow'."
        )


SPECIAL: dict[str, Callable[[Config, str, Written], None]] = {
    "LSTM": _lstm,
    "GRU": _gru,
    "Embedding": _embedding,
    "BatchNormalization": _normalization,
    "Conv1D": _conv1d,
    "Conv2D": _conv2d,
}
"""Classes of Keras 2 for which more changed than names."""
