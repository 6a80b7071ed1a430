"""Layers of images, of lengths and of scales, their inputs' shapes and their outputs'."""

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec, Shape

T, F, IMAGE = (7, 3), (3,), (7, 11, 3)

SPATIAL_SHAPES: dict[str, tuple[LayerSpec, tuple[Shape, ...], Shape]] = {
    "Conv1DTranspose": (specs.Conv1DTranspose(filters=5, kernel_size=3, strides=2), (T,), (15, 5)),
    "Conv1DTranspose same": (
        specs.Conv1DTranspose(filters=5, kernel_size=2, strides=3, padding="same"),
        (T,),
        (21, 5),
    ),
    "DepthwiseConv1D": (specs.DepthwiseConv1D(kernel_size=3, depth_multiplier=2), (T,), (5, 6)),
    "SeparableConv1D": (specs.SeparableConv1D(filters=5, kernel_size=3), (T,), (5, 5)),
    "Conv2D": (specs.Conv2D(filters=5, kernel_size=(2, 3), strides=2), (IMAGE,), (3, 5, 5)),
    "MaxPooling2D first": (
        specs.MaxPooling2D(pool_size=(2, 1), data_format="channels_first"),
        (IMAGE,),
        (7, 5, 3),
    ),
    "MaxPooling2D": (specs.MaxPooling2D(), (IMAGE,), (3, 5, 3)),
    "AveragePooling2D": (specs.AveragePooling2D(padding="same"), (IMAGE,), (4, 6, 3)),
    "GlobalMaxPooling2D": (specs.GlobalMaxPooling2D(), (IMAGE,), F),
    "GlobalAveragePooling2D": (
        specs.GlobalAveragePooling2D(keepdims=True, data_format="channels_first"),
        (IMAGE,),
        (7, 1, 1),
    ),
    "ZeroPadding1D": (specs.ZeroPadding1D(), (T,), (9, 3)),
    "ZeroPadding2D": (specs.ZeroPadding2D(padding=(1, 2)), (IMAGE,), (9, 15, 3)),
    "Cropping1D": (specs.Cropping1D(cropping=(0, 2)), (T,), (5, 3)),
    "Cropping2D": (specs.Cropping2D(cropping=((1, 0), (2, 3))), (IMAGE,), (6, 6, 3)),
    "UpSampling1D": (specs.UpSampling1D(size=3), (T,), (21, 3)),
    "UpSampling2D": (specs.UpSampling2D(size=(1, 2)), (IMAGE,), (7, 22, 3)),
    "SpatialDropout2D": (specs.SpatialDropout2D(rate=0.3), (IMAGE,), IMAGE),
    "AlphaDropout": (specs.AlphaDropout(rate=0.3, noise_shape=(None, 1, 3)), (T,), T),
    "ActivityRegularization": (specs.ActivityRegularization(l1=0.5), (T,), T),
    "Rescaling": (specs.Rescaling(scale=(0.5, 2.0, 3.0), offset=-1), (T,), T),
    "Normalization": (specs.Normalization(axis=(1, 2)), (T,), T),
    "Normalization given": (specs.Normalization(mean=(0.5, 1, 2), variance=(1, 2, 3)), (T,), T),
    "UnitNormalization": (specs.UnitNormalization(axis=(1, 2)), (T,), T),
    "RMSNormalization": (specs.RMSNormalization(), (T,), T),
    "GroupNormalization": (specs.GroupNormalization(groups=3), (T,), T),
    "Identity": (specs.IdentityLayer(), (T,), T),
}
