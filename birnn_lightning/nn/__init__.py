"""Keras's recurrent semantics as torch modules, built from specs; imports torch alone."""

from birnn_lightning.nn import specs
from birnn_lightning.nn.engines import EngineChoice
from birnn_lightning.nn.masks import Masked, mask_from_lengths
from birnn_lightning.nn.model import SequenceModel
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.submodel import Submodel

__all__ = [
    "EngineChoice",
    "Masked",
    "RecurrentLayer",
    "SequenceModel",
    "Submodel",
    "mask_from_lengths",
    "specs",
]
