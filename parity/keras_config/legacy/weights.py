"""Which layers have their weights in another form than today's."""

from collections.abc import Mapping
from typing import Any

from parity.keras_config.legacy.checks import mapping
from parity.keras_config.legacy.written import Written
from parity.keras_files.weight_forms import convolution_form
from parity.results import ParityUnavailable

CUDNN = {"CuDNNLSTM": "cudnn_lstm", "CuDNNGRU": "cudnn_gru"}
ONE_ARRAY_A_GATE = {"LSTM": "keras1_lstm", "GRU": "keras1_gru"}
CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
OTHER_CONVOLUTIONS = (
    "SeparableConv1D",
    "SeparableConv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
)


def weight_form(
    old_class: str, new_class: str, entry: Mapping[str, Any], written: Written
) -> str | None:
    """The name of a layer's weight form; None where it is today's.

    Args:
        old_class: the class in the file.
        new_class: the class today.
        entry: the serialized layer in the file.
        written: what wrote it.
    """
    config = mapping(entry.get("config", entry), "a layer's config")
    if old_class in CUDNN:
        return CUDNN[old_class]
    if written.major == 1 and new_class in ONE_ARRAY_A_GATE:
        return None if config.get("consume_less") == "gpu" else ONE_ARRAY_A_GATE[new_class]
    if new_class in OTHER_CONVOLUTIONS and written.flips_kernels:
        raise ParityUnavailable(
            f"{new_class} layer {config.get('name')!r}: kernels that Theano wrote are not "
            f"supported. Supported with Theano: {', '.join(CONVOLUTIONS)}."
        )
    if new_class not in CONVOLUTIONS:
        return None
    kernel = "conv"
    if written.major == 1 and new_class == "Conv1D":
        kernel = "keras1_conv1d"
    elif written.major == 1 and config.get("dim_ordering") == "th":
        kernel = "keras1_conv_channels_first"
    use_bias = config.get("use_bias", config.get("bias", True))
    return convolution_form(kernel, written.flips_kernels, bool(use_bias))
