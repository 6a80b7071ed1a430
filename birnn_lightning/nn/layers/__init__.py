"""The layers that stand around the recurrent ones, each with what it does with the mask."""

from birnn_lightning.nn.layers.activation_layers import (
    ELU,
    Activation,
    IdentityLayer,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from birnn_lightning.nn.layers.attention import AdditiveAttention, Attention
from birnn_lightning.nn.layers.convolution import Conv1D, Conv1DTranspose, Conv2D
from birnn_lightning.nn.layers.core import Dense, Embedding, Masking
from birnn_lightning.nn.layers.custom import Custom
from birnn_lightning.nn.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from birnn_lightning.nn.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
)
from birnn_lightning.nn.layers.operations import Operation
from birnn_lightning.nn.layers.padding import (
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from birnn_lightning.nn.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from birnn_lightning.nn.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from birnn_lightning.nn.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from birnn_lightning.nn.layers.scaling import (
    Normalization,
    Rescaling,
    RMSNormalization,
    UnitNormalization,
)
from birnn_lightning.nn.layers.separable import DepthwiseConv1D, SeparableConv1D
from birnn_lightning.nn.layers.wrappers import TimeDistributed

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Cropping1D",
    "Cropping2D",
    "Custom",
    "Dense",
    "DepthwiseConv1D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "IdentityLayer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "Operation",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]
