"""The entries of the layers that map, move or disturb numbers."""

from birnn_lightning.nn import specs
from parity.keras_config.entry import KerasLayer
from parity.keras_config.settings import integers, noise_shape, one_size

QUANTIZATION = {"quantization_config": (None,)}
LOW_RANK = {"lora_rank": (None,), "lora_alpha": (None,)}
CHANNELS_LAST = {"data_format": ("channels_last", None)}


def same_names(*names: str) -> dict[str, str]:
    """Spec fields that bear the names of Keras's settings."""
    return {name: name for name in names}


WEIGHTS = same_names("activation", "use_bias", "kernel_initializer", "bias_initializer")

CORE_LAYERS = (
    KerasLayer(
        name="Embedding",
        spec=specs.Embedding,
        fields={
            "vocab_size": "input_dim",
            "embedding_dim": "output_dim",
            **same_names("mask_zero", "embeddings_initializer"),
        },
        required={**QUANTIZATION, **LOW_RANK},
        ignored=frozenset({"input_length"}),
        mask="makes",
    ),
    KerasLayer(
        name="Masking",
        spec=specs.Masking,
        fields=same_names("mask_value"),
        mask="makes",
    ),
    KerasLayer(
        name="Dense",
        spec=specs.Dense,
        fields={"units": "units", **WEIGHTS},
        required={**QUANTIZATION, **LOW_RANK},
    ),
    KerasLayer(
        name="Conv1D",
        spec=specs.Conv1D,
        fields={
            **same_names("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups"),
            **WEIGHTS,
        },
        required={**CHANNELS_LAST, **LOW_RANK},
        readers={name: one_size for name in ("kernel_size", "strides", "dilation_rate")},
        mask="drops",
    ),
    KerasLayer(name="RepeatVector", spec=specs.RepeatVector, fields=same_names("n"), mask="drops"),
    KerasLayer(name="Flatten", spec=specs.Flatten, fields={}, required=CHANNELS_LAST, mask="drops"),
    KerasLayer(
        name="Reshape",
        spec=specs.Reshape,
        fields=same_names("target_shape"),
        readers={"target_shape": integers},
        mask="drops",
    ),
    KerasLayer(
        name="Permute",
        spec=specs.Permute,
        fields=same_names("dims"),
        readers={"dims": integers},
        mask="drops",
    ),
    KerasLayer(
        name="Dropout",
        spec=specs.Dropout,
        fields=same_names("rate", "noise_shape"),
        readers={"noise_shape": noise_shape},
    ),
    KerasLayer(
        name="SpatialDropout1D",
        spec=specs.SpatialDropout1D,
        fields=same_names("rate"),
        required={"noise_shape": (None,)},
    ),
    KerasLayer(name="GaussianDropout", spec=specs.GaussianDropout, fields=same_names("rate")),
    KerasLayer(name="GaussianNoise", spec=specs.GaussianNoise, fields=same_names("stddev")),
)
