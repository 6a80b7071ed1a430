"""What a run keeps: its last checkpoints, and two logs in one folder."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from birnn_lightning.module import SequenceClassifier


def last_checkpoints() -> list[ModelCheckpoint]:
    """Two that keep ``last.ckpt``: at the end of every epoch, and every ten minutes inside it.

    Not ``save_last``, which in Lightning 2.6 saves only when there is a new best.
    """
    settings: dict[str, Any] = {"filename": "last", "enable_version_counter": False}
    return [
        ModelCheckpoint(**settings, every_n_epochs=1, save_on_train_epoch_end=True),
        ModelCheckpoint(**settings, train_time_interval=timedelta(minutes=10)),
    ]


def run_name(model: SequenceClassifier, datamodule: LightningDataModule) -> str:
    """``bilstm-digits`` for a bidirectional LSTM on a DigitsDataModule."""
    layers = list(model.recurrent_layers.values())
    cell = layers[0].cell_name if layers else "classifier"
    return f"{cell}-{type(datamodule).__name__.removesuffix('DataModule')}".lower()


def run_loggers(root: Path, name: str) -> list[Logger]:
    """CSV and TensorBoard logs in the next free folder ``root/name/version_N``."""
    taken = [path.name.removeprefix("version_") for path in (root / name).glob("version_*")]
    version = max((int(number) + 1 for number in taken if number.isdigit()), default=0)
    return [logger(root, name=name, version=version) for logger in (CSVLogger, TensorBoardLogger)]
