"""A model is data before it is code: layer specs, the nodes that connect them, the whole model."""

from birnn_lightning.nn.specs.activation_layers import (
    ELU,
    Activation,
    IdentityLayer,
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
from birnn_lightning.nn.specs.convolution import Conv1D, Conv1DTranspose, Conv2D
from birnn_lightning.nn.specs.core import Dense, Embedding, Input, Masking
from birnn_lightning.nn.specs.custom import Custom
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
from birnn_lightning.nn.specs.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
)
from birnn_lightning.nn.specs.operations import ConstantArray, Operand, Operation, Slice
from birnn_lightning.nn.specs.padding import (
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from birnn_lightning.nn.specs.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
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
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from birnn_lightning.nn.specs.regularizers import L1, L1L2, L2, Regularizer, regularizer_of
from birnn_lightning.nn.specs.reshaping import Flatten, Permute, RepeatVector, Reshape
from birnn_lightning.nn.specs.scaling import (
    Normalization,
    Rescaling,
    RMSNormalization,
    UnitNormalization,
)
from birnn_lightning.nn.specs.separable import DepthwiseConv1D, SeparableConv1D
from birnn_lightning.nn.specs.submodel import Submodel
from birnn_lightning.nn.specs.wrappers import TimeDistributed, regularizes_outputs

__all__ = [
    "CELL_NAMES",
    "ELU",
    "L1",
    "L1L2",
    "L2",
    "MERGE_MODES",
    "STATES",
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
    "Bidirectional",
    "CellName",
    "Concatenate",
    "ConstantArray",
    "Constraint",
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
    "Initializer",
    "Input",
    "LayerNormalization",
    "LayerSpec",
    "LeakyReLU",
    "Masking",
    "MaxNorm",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "MergeMode",
    "MinMaxNorm",
    "Minimum",
    "ModelSpec",
    "Multiply",
    "Node",
    "NonNeg",
    "Normalization",
    "Operand",
    "Operation",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "Recurrent",
    "RecurrentStack",
    "Regularizer",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "Shape",
    "Slice",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Spec",
    "Submodel",
    "Subtract",
    "TimeDistributed",
    "UnitNorm",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "constraint_of",
    "initializer_of",
    "reference",
    "regularizer_of",
    "regularizes_outputs",
    "spec_from_config",
]
