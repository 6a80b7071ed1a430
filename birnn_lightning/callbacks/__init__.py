"""Callbacks for the Lightning Trainer: exact resuming, and Keras's early stopping."""

from birnn_lightning.callbacks.early_stopping import KerasEarlyStopping
from birnn_lightning.callbacks.random_state import RandomState

__all__ = ["KerasEarlyStopping", "RandomState"]
