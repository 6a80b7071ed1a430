"""The layers that stand around the recurrent ones, each with what it does with the mask."""

from birnn_lightning.nn.layers.activation_layers import (
    ELU,
    Activation,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from birnn_lightning.nn.layers.attention import AdditiveAttention, Attention
from birnn_lightning.nn.layers.convolution import Conv1D
from birnn_lightning.nn.layers.core import Dense, Embedding, Masking
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
from birnn_lightning.nn.layers.normalization import BatchNormalization, LayerNormalization
from birnn_lightning.nn.layers.pooling import (
    AveragePooling1D,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    MaxPooling1D,
)
from birnn_lightning.nn.layers.regularization import (
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
)
from birnn_lightning.nn.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from birnn_lightning.nn.layers.wrappers import TimeDistributed

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "AveragePooling1D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "Subtract",
    "TimeDistributed",
]
