"""Bidirectional RNN, LSTM and GRU classifiers in Lightning, the same as their Keras twins."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from birnn_lightning.data import DigitsDataModule, SequenceDataModule, TextDataModule
    from birnn_lightning.module import SequenceClassifier
    from birnn_lightning.nn.specs.custom import CustomLayer, register_custom_layer
    from birnn_lightning.presets import BiGRUClassifier, BiLSTMClassifier, BiRNNClassifier

# Imported at first use, so that `birnn_lightning.nn` alone never pays for Lightning.
_HOMES = {
    "BiGRUClassifier": "birnn_lightning.presets",
    "BiLSTMClassifier": "birnn_lightning.presets",
    "BiRNNClassifier": "birnn_lightning.presets",
    "CustomLayer": "birnn_lightning.nn.specs.custom",
    "DigitsDataModule": "birnn_lightning.data",
    "SequenceClassifier": "birnn_lightning.module",
    "SequenceDataModule": "birnn_lightning.data",
    "TextDataModule": "birnn_lightning.data",
    "register_custom_layer": "birnn_lightning.nn.specs.custom",
}

__all__ = [
    "BiGRUClassifier",
    "BiLSTMClassifier",
    "BiRNNClassifier",
    "CustomLayer",
    "DigitsDataModule",
    "SequenceClassifier",
    "SequenceDataModule",
    "TextDataModule",
    "__version__",
    "register_custom_layer",
]


def __getattr__(name: str) -> Any:
    """Imports a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
