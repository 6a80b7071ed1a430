"""Optimisers and learning-rate schedules: torch's and Keras's, by name."""

from birnn_lightning.optim.config import OptimizerConfig
from birnn_lightning.optim.keras import KerasOptimizer
from birnn_lightning.optim.plateau import KerasReduceLROnPlateau, end_epoch

__all__ = ["KerasOptimizer", "KerasReduceLROnPlateau", "OptimizerConfig", "end_epoch"]
