"""A model is data before it is code: layer specs, the nodes that connect them, the whole model."""

from birnn_lightning.nn.specs.activation_layers import (
    ELU,
    Activation,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from birnn_lightning.nn.specs.attention import AdditiveAttention, Attention
from birnn_lightning.nn.specs.base import Shape, Spec, spec_from_config
from birnn_lightning.nn.specs.constraints import (
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
    constraint_of,
)
from birnn_lightning.nn.specs.convolution import Conv1D
from birnn_lightning.nn.specs.core import Dense, Embedding, Input, Masking
from birnn_lightning.nn.specs.graph import ModelSpec, Node, reference
from birnn_lightning.nn.specs.initializers import Initializer, initializer_of
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from birnn_lightning.nn.specs.normalization import BatchNormalization, LayerNormalization
from birnn_lightning.nn.specs.pooling import (
    AveragePooling1D,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    MaxPooling1D,
)
from birnn_lightning.nn.specs.recurrent import (
    CELL_NAMES,
    MERGE_MODES,
    STATES,
    Bidirectional,
    CellName,
    MergeMode,
    Recurrent,
    RecurrentStack,
)
from birnn_lightning.nn.specs.regularization import (
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
)
from birnn_lightning.nn.specs.regularizers import L1, L1L2, L2, Regularizer, regularizer_of
from birnn_lightning.nn.specs.reshaping import Flatten, Permute, RepeatVector, Reshape
from birnn_lightning.nn.specs.wrappers import TimeDistributed

__all__ = [
    "CELL_NAMES",
    "ELU",
    "L1",
    "L1L2",
    "L2",
    "MERGE_MODES",
    "STATES",
    "Activation",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "AveragePooling1D",
    "BatchNormalization",
    "Bidirectional",
    "CellName",
    "Concatenate",
    "Constraint",
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
    "Initializer",
    "Input",
    "LayerNormalization",
    "LayerSpec",
    "LeakyReLU",
    "Masking",
    "MaxNorm",
    "MaxPooling1D",
    "Maximum",
    "MergeMode",
    "MinMaxNorm",
    "Minimum",
    "ModelSpec",
    "Multiply",
    "Node",
    "NonNeg",
    "PReLU",
    "Permute",
    "ReLU",
    "Recurrent",
    "RecurrentStack",
    "Regularizer",
    "RepeatVector",
    "Reshape",
    "Shape",
    "Softmax",
    "SpatialDropout1D",
    "Spec",
    "Subtract",
    "TimeDistributed",
    "UnitNorm",
    "constraint_of",
    "initializer_of",
    "reference",
    "regularizer_of",
    "spec_from_config",
]
