"""The settings that a version left unsaid, with the values that it meant."""

from typing import Any

from parity.keras_config.legacy.written import Written

GLOROT: Any = "glorot_uniform"
WITH_BIAS = {
    "use_bias": True,
    "kernel_initializer": GLOROT,
    "bias_initializer": "zeros",
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
CELL = {
    **{name: value for name, value in WITH_BIAS.items() if name != "activity_regularizer"},
    "activation": "tanh",
    "recurrent_initializer": "orthogonal",
    "recurrent_regularizer": None,
    "recurrent_constraint": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "seed": None,
}
SEQUENCE = {
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "zero_output_for_mask": False,
}
CONVOLUTION = {
    "padding": "valid",
    "data_format": "channels_last",
    "groups": 1,
    "activation": "linear",
    **WITH_BIAS,
}
NORMALIZATION = {
    "axis": -1,
    "epsilon": 1e-3,
    "center": True,
    "scale": True,
    "beta_initializer": "zeros",
    "gamma_initializer": "ones",
    "beta_regularizer": None,
    "gamma_regularizer": None,
    "beta_constraint": None,
    "gamma_constraint": None,
}
POOLING = {"padding": "valid", "data_format": "channels_last"}
DATA_FORMAT = {"data_format": "channels_last"}
GLOBAL_POOLING = {**DATA_FORMAT, "keepdims": False}
NOISE = {"seed": None}

DEFAULTS: dict[str, dict[str, Any]] = {
    "Dense": {"activation": "linear", **WITH_BIAS},
    "Embedding": {
        "embeddings_initializer": "random_uniform",
        "embeddings_regularizer": None,
        "embeddings_constraint": None,
        "mask_zero": False,
    },
    "Masking": {"mask_value": 0.0},
    "SimpleRNN": {**SEQUENCE, **CELL},
    "LSTM": {**SEQUENCE, **CELL, "unit_forget_bias": True},
    "GRU": {**SEQUENCE, **CELL},
    "RNN": SEQUENCE,
    "SimpleRNNCell": CELL,
    "LSTMCell": {**CELL, "unit_forget_bias": True},
    "GRUCell": CELL,
    "Bidirectional": {"merge_mode": "concat"},
    "Conv1D": {**CONVOLUTION, "strides": [1], "dilation_rate": [1]},
    "Conv2D": {**CONVOLUTION, "strides": [1, 1], "dilation_rate": [1, 1]},
    "MaxPooling1D": {"pool_size": [2], "strides": None, **POOLING},
    "AveragePooling1D": {"pool_size": [2], "strides": None, **POOLING},
    "MaxPooling2D": {"pool_size": [2, 2], "strides": None, **POOLING},
    "AveragePooling2D": {"pool_size": [2, 2], "strides": None, **POOLING},
    "GlobalMaxPooling1D": GLOBAL_POOLING,
    "GlobalAveragePooling1D": GLOBAL_POOLING,
    "GlobalMaxPooling2D": GLOBAL_POOLING,
    "GlobalAveragePooling2D": GLOBAL_POOLING,
    "Flatten": DATA_FORMAT,
    "Cropping1D": {"cropping": [1, 1]},
    "ZeroPadding1D": {"padding": [1, 1], **DATA_FORMAT},
    "ZeroPadding2D": {"padding": [[1, 1], [1, 1]], **DATA_FORMAT},
    "UpSampling1D": {"size": 2},
    "UpSampling2D": {"size": [2, 2], "interpolation": "nearest", **DATA_FORMAT},
    "BatchNormalization": {
        **NORMALIZATION,
        "momentum": 0.99,
        "moving_mean_initializer": "zeros",
        "moving_variance_initializer": "ones",
        "synchronized": False,
    },
    "LayerNormalization": NORMALIZATION,
    "Dropout": {**NOISE, "noise_shape": None},
    "SpatialDropout1D": NOISE,
    "GaussianDropout": NOISE,
    "GaussianNoise": NOISE,
    "AlphaDropout": {**NOISE, "noise_shape": None},
    "ReLU": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
    "LeakyReLU": {"negative_slope": 0.3},
    "PReLU": {
        "alpha_initializer": "zeros",
        "alpha_regularizer": None,
        "alpha_constraint": None,
        "shared_axes": None,
    },
    "ELU": {"alpha": 1.0},
    "Softmax": {"axis": -1},
    "Concatenate": {"axis": -1},
    "Dot": {"normalize": False},
    "Attention": {"use_scale": False, "score_mode": "dot", "dropout": 0.0, "seed": None},
    "AdditiveAttention": {"use_scale": True, "dropout": 0.0},
}

GATED = ("LSTM", "LSTMCell", "GRU", "GRUCell")
RESETTING = ("GRU", "GRUCell")


def defaults(class_name: str, written: Written) -> dict[str, Any]:
    """The settings of a class that does not name them, as the version meant them.

    TensorFlow 2 came with sigmoid gates and ``reset_after``; what wrote itself ``2.2.4-tf`` may be
    TensorFlow 1.13 to 2.1, and all of these name both settings.
    """
    settings = dict(DEFAULTS.get(class_name, {}))
    modern = written.major == 3 or bool(
        written.within_tensorflow and written.version and written.version >= (2, 3)
    )
    if class_name in GATED:
        settings["recurrent_activation"] = "sigmoid" if modern else "hard_sigmoid"
    if class_name in RESETTING:
        settings["reset_after"] = modern
    return settings
