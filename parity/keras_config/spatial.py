"""The entries of the layers of images, and of those that change the length of a sequence."""

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec
from parity.keras_config.core import CHANNELS_LAST, LOW_RANK, WEIGHTS, same_names
from parity.keras_config.entry import KerasLayer
from parity.keras_config.settings import one_or_two, one_size, optional, pairs

DATA_FORMAT = same_names("data_format")
SLIDING = same_names("kernel_size", "strides", "padding", "dilation_rate")
ONE_SIZE = {name: one_size for name in ("kernel_size", "strides", "dilation_rate")}
TWO_SIZES = {name: one_or_two for name in ("kernel_size", "strides", "dilation_rate")}
EACH_FEATURE = same_names(
    "depth_multiplier", "activation", "use_bias", "depthwise_initializer", "bias_initializer"
)
# Keras 2 writes it for every convolution, and looks at it in the plain ones alone.
NO_GROUPS = {"groups": (1,)}


def _image_pooling(spec: type[LayerSpec]) -> KerasLayer:
    return KerasLayer(
        name=spec.__name__,
        spec=spec,
        fields={**same_names("pool_size", "strides", "padding"), **DATA_FORMAT},
        readers={"pool_size": one_or_two, "strides": optional(one_or_two)},
        mask="drops",
    )


def _global_image_pooling(spec: type[LayerSpec]) -> KerasLayer:
    return KerasLayer(
        name=spec.__name__,
        spec=spec,
        fields={**same_names("keepdims"), **DATA_FORMAT},
        mask="drops",
    )


def _edges(spec: type[LayerSpec], setting: str) -> KerasLayer:
    of_images = spec.__name__.endswith("2D")
    return KerasLayer(
        name=spec.__name__,
        spec=spec,
        fields={setting: setting, **(DATA_FORMAT if of_images else {})},
        required={} if of_images else CHANNELS_LAST,
        readers={setting: pairs if of_images else one_or_two},
        mask="drops",
    )


SPATIAL_LAYERS = (
    KerasLayer(
        name="Conv2D",
        spec=specs.Conv2D,
        fields={**same_names("filters", "groups"), **SLIDING, **WEIGHTS},
        required={**CHANNELS_LAST, **LOW_RANK},
        readers=TWO_SIZES,
        mask="drops",
    ),
    KerasLayer(
        name="Conv1DTranspose",
        spec=specs.Conv1DTranspose,
        fields={
            **same_names("filters", "kernel_size", "strides", "padding", "output_padding"),
            **WEIGHTS,
        },
        required={**CHANNELS_LAST, **NO_GROUPS, "dilation_rate": (1, [1], (1,))},
        readers={
            "kernel_size": one_size,
            "strides": one_size,
            "output_padding": optional(one_size),
        },
        mask="drops",
    ),
    KerasLayer(
        name="DepthwiseConv1D",
        spec=specs.DepthwiseConv1D,
        fields={**SLIDING, **EACH_FEATURE},
        required={**CHANNELS_LAST, **NO_GROUPS},
        readers=ONE_SIZE,
        mask="drops",
    ),
    KerasLayer(
        name="SeparableConv1D",
        spec=specs.SeparableConv1D,
        fields={**same_names("filters", "pointwise_initializer"), **SLIDING, **EACH_FEATURE},
        required={**CHANNELS_LAST, **NO_GROUPS},
        readers=ONE_SIZE,
        mask="drops",
    ),
    _image_pooling(specs.MaxPooling2D),
    _image_pooling(specs.AveragePooling2D),
    _global_image_pooling(specs.GlobalMaxPooling2D),
    _global_image_pooling(specs.GlobalAveragePooling2D),
    _edges(specs.ZeroPadding1D, "padding"),
    _edges(specs.ZeroPadding2D, "padding"),
    _edges(specs.Cropping1D, "cropping"),
    _edges(specs.Cropping2D, "cropping"),
    KerasLayer(
        name="UpSampling1D",
        spec=specs.UpSampling1D,
        fields=same_names("size"),
        readers={"size": one_size},
        mask="drops",
    ),
    KerasLayer(
        name="UpSampling2D",
        spec=specs.UpSampling2D,
        fields={**same_names("size"), **DATA_FORMAT},
        required={"interpolation": ("nearest",)},
        readers={"size": one_or_two},
        mask="drops",
    ),
    KerasLayer(
        name="SpatialDropout2D",
        spec=specs.SpatialDropout2D,
        fields={**same_names("rate"), **DATA_FORMAT},
        required={"noise_shape": (None,)},
    ),
)
