"""A model is data before it is code: layer specs, the nodes that connect them, the whole model."""

from birnn_lightning.nn.specs.base import LayerSpec, Shape, layer_from_config
from birnn_lightning.nn.specs.graph import ModelSpec, Node
from birnn_lightning.nn.specs.layers import (
    Attention,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Input,
    Masking,
    RepeatVector,
)
from birnn_lightning.nn.specs.recurrent import (
    CELL_NAMES,
    MERGE_MODES,
    Bidirectional,
    CellName,
    MergeMode,
    Recurrent,
)

__all__ = [
    "CELL_NAMES",
    "MERGE_MODES",
    "Attention",
    "Bidirectional",
    "CellName",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "LayerSpec",
    "Masking",
    "MergeMode",
    "ModelSpec",
    "Node",
    "Recurrent",
    "RepeatVector",
    "Shape",
    "layer_from_config",
]
