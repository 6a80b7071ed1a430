"""Keras's optimisers as torch's: the same arithmetic, settings, defaults and names of states."""

from birnn_lightning.optim.keras.adadelta import Adadelta
from birnn_lightning.optim.keras.adagrad import Adagrad
from birnn_lightning.optim.keras.adam import Adam, AdamW
from birnn_lightning.optim.keras.adamax import Adamax
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.lion import Lion
from birnn_lightning.optim.keras.nadam import Nadam
from birnn_lightning.optim.keras.rmsprop import RMSprop
from birnn_lightning.optim.keras.sgd import SGD

KERAS_OPTIMIZERS: dict[str, type[KerasOptimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adamax": Adamax,
    "nadam": Nadam,
    "lion": Lion,
}

__all__ = [
    "KERAS_OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "KerasOptimizer",
    "Lion",
    "Nadam",
    "RMSprop",
]
