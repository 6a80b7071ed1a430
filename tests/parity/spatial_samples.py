"""Settings of the layers of images, of those that change a length, and of those that scale."""

from typing import Any

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec, Shape

STEPS = (7, 3)
IMAGES = (7, 11, 3)
FIRST: dict[str, Any] = {"data_format": "channels_first"}
WORDS_OF_STEPS = (7, 5, 3)

CONVOLUTION_SETTINGS: tuple[dict[str, Any], ...] = (
    {"activation": "tanh"},
    {"padding": "same", "use_bias": False},
    {"strides": (2, 3)},
    {"strides": 2, "padding": "same"},
    {"dilation_rate": (1, 2)},
    {"dilation_rate": (3, 2), "padding": "same"},
)
EACH_FEATURE: tuple[dict[str, Any], ...] = (
    {"depth_multiplier": 2},
    {"strides": 2, "padding": "same", "activation": "softmax"},
    {"dilation_rate": 2, "padding": "same", "use_bias": False},
)
TRANSPOSED: tuple[dict[str, Any], ...] = (
    {"activation": "tanh"},
    {"strides": 2, "use_bias": False},
    {"strides": 5},
    {"strides": 2, "padding": "same"},
    {"strides": 3, "padding": "same"},
    {"strides": 5, "padding": "same"},
    {"padding": "same"},
    {"strides": 2, "output_padding": 0},
    {"strides": 3, "padding": "same", "output_padding": 1},
)


def _pools(kind: type, shape: Shape, **fixed: Any) -> dict[str, tuple[LayerSpec, Shape]]:
    return {
        f"{kind.__name__} {size} {strides} {padding} {fixed}": (
            kind(pool_size=size, strides=strides, padding=padding, **fixed),
            shape,
        )
        for size, strides, padding in (
            (2, None, "valid"),
            ((3, 2), (2, 1), "same"),
            ((2, 3), 3, "same"),
        )
    }


IMAGE_LAYERS: dict[str, tuple[LayerSpec, Shape]] = {
    **{
        f"Conv2D {one}": (specs.Conv2D(filters=5, kernel_size=(3, 2), **one), IMAGES)
        for one in CONVOLUTION_SETTINGS
    },
    "Conv2D groups": (specs.Conv2D(filters=6, kernel_size=2, groups=2), (7, 11, 4)),
    **_pools(specs.MaxPooling2D, IMAGES),
    **_pools(specs.AveragePooling2D, IMAGES),
    **{
        f"{kind.__name__} {keepdims} {fixed}": (kind(keepdims=keepdims, **fixed), IMAGES)
        for kind in (specs.GlobalMaxPooling2D, specs.GlobalAveragePooling2D)
        for keepdims, fixed in ((False, {}), (True, FIRST))
    },
    "ZeroPadding2D": (specs.ZeroPadding2D(padding=((1, 2), (0, 3))), IMAGES),
    "Cropping2D": (specs.Cropping2D(cropping=((1, 0), (2, 3))), IMAGES),
    "UpSampling2D": (specs.UpSampling2D(size=(2, 3)), IMAGES),
    "SpatialDropout2D": (specs.SpatialDropout2D(rate=0.3), IMAGES),
    "MaxPooling2D first": (specs.MaxPooling2D(pool_size=(2, 3), **FIRST), IMAGES),
    "AveragePooling2D first": (specs.AveragePooling2D(padding="same", **FIRST), IMAGES),
    "ZeroPadding2D first": (specs.ZeroPadding2D(padding=(1, 2), **FIRST), IMAGES),
    "Cropping2D first": (specs.Cropping2D(cropping=((1, 2), (0, 1)), **FIRST), IMAGES),
    "UpSampling2D first": (specs.UpSampling2D(size=(2, 1), **FIRST), IMAGES),
    "SpatialDropout2D first": (specs.SpatialDropout2D(rate=0.3, **FIRST), IMAGES),
}
LENGTHS: dict[str, tuple[LayerSpec, Shape]] = {
    **{
        f"Conv1DTranspose {one}": (specs.Conv1DTranspose(filters=5, kernel_size=3, **one), STEPS)
        for one in TRANSPOSED
    },
    "Conv1DTranspose even": (
        specs.Conv1DTranspose(filters=5, kernel_size=4, strides=3, padding="same"),
        STEPS,
    ),
    **{
        f"DepthwiseConv1D {one}": (specs.DepthwiseConv1D(kernel_size=3, **one), STEPS)
        for one in EACH_FEATURE
    },
    **{
        f"SeparableConv1D {one}": (specs.SeparableConv1D(filters=5, kernel_size=3, **one), STEPS)
        for one in EACH_FEATURE
    },
    "ZeroPadding1D": (specs.ZeroPadding1D(padding=(2, 1)), STEPS),
    "Cropping1D": (specs.Cropping1D(cropping=(1, 2)), STEPS),
    "Cropping1D before": (specs.Cropping1D(cropping=(3, 0)), STEPS),
    "UpSampling1D": (specs.UpSampling1D(size=3), STEPS),
}
GIVEN: dict[str, Any] = {"mean": (0.1, -0.3, 0.7), "variance": (0.2, 1.7, 0.0)}
SCALES: dict[str, tuple[LayerSpec, Shape]] = {
    "Rescaling": (specs.Rescaling(scale=1 / 255, offset=-0.1), STEPS),
    "Rescaling each": (specs.Rescaling(scale=(0.1, 2, -0.3), offset=(0.7, 0.0, 1.1)), STEPS),
    "Normalization": (specs.Normalization(), STEPS),
    "Normalization of steps": (specs.Normalization(axis=(1,), invert=True), STEPS),
    "Normalization of elements": (specs.Normalization(axis=(2, 1)), STEPS),
    "Normalization whole": (specs.Normalization(axis=()), STEPS),
    "Normalization given": (specs.Normalization(**GIVEN), STEPS),
    "Normalization inverted": (specs.Normalization(**GIVEN, invert=True), STEPS),
    "Normalization one": (specs.Normalization(axis=(1, 2), mean=0.3, variance=0.7), STEPS),
    "Normalization last": (specs.Normalization(axis=(1, 2), **GIVEN), STEPS),
    "UnitNormalization": (specs.UnitNormalization(), STEPS),
    "UnitNormalization of two": (specs.UnitNormalization(axis=(1, 2)), STEPS),
    "RMSNormalization": (specs.RMSNormalization(), STEPS),
    "RMSNormalization of two": (specs.RMSNormalization(axis=(1, 2), epsilon=0.02), STEPS),
    "GroupNormalization": (specs.GroupNormalization(groups=2), (7, 6)),
    "GroupNormalization each": (
        specs.GroupNormalization(groups=-1, axis=3, center=False, epsilon=0.02),
        IMAGES,
    ),
    "BatchNormalization of steps": (specs.BatchNormalization(axis=1, momentum=0.6), STEPS),
    "BatchNormalization of rows": (specs.BatchNormalization(axis=-2, scale=False), STEPS),
    "LayerNormalization of steps": (specs.LayerNormalization(axis=1), STEPS),
    "LayerNormalization of two": (specs.LayerNormalization(axis=(-2, -1)), IMAGES),
    "LayerNormalization apart": (specs.LayerNormalization(axis=(1, 3)), IMAGES),
    "AlphaDropout": (specs.AlphaDropout(rate=0.3), STEPS),
    "AlphaDropout noise_shape": (specs.AlphaDropout(rate=0.3, noise_shape=(None, 1, 3)), STEPS),
    "ActivityRegularization": (specs.ActivityRegularization(l1=0.3, l2=0.7), STEPS),
    "Identity": (specs.IdentityLayer(), STEPS),
}
EACH_STEP: dict[str, tuple[LayerSpec, Shape]] = {
    "Conv2D": (specs.Conv2D(filters=5, kernel_size=(3, 2)), (5, 7, 11, 3)),
    "MaxPooling2D": (specs.MaxPooling2D(), (5, 7, 11, 3)),
    "MaxPooling1D": (specs.MaxPooling1D(), WORDS_OF_STEPS),
    "GlobalAveragePooling2D": (specs.GlobalAveragePooling2D(), (5, 7, 11, 3)),
    "GlobalMaxPooling2D": (specs.GlobalMaxPooling2D(), (5, 7, 11, 3)),
    "images Flatten": (specs.Flatten(), (5, 7, 11, 3)),
    "ZeroPadding2D": (specs.ZeroPadding2D(), (5, 7, 11, 3)),
    "Rescaling": (specs.Rescaling(scale=1 / 255), (5, 7, 11, 3)),
    "Normalization": (specs.Normalization(), WORDS_OF_STEPS),
    "SeparableConv1D": (specs.SeparableConv1D(filters=5, kernel_size=3), WORDS_OF_STEPS),
}
