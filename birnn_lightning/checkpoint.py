"""A checkpoint is read without running anything that stands in it."""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, Self

import torch
from lightning import LightningModule

from birnn_lightning.data.datamodule import ClassificationDataModule
from birnn_lightning.data.preprocessing import Preprocessing, preprocessing_from_config

UNREADABLE = (
    *(pickle.UnpicklingError, struct.error, RuntimeError, EOFError),
    *(LookupError, ValueError, TypeError, AttributeError),
)
"""What torch raises, by the byte that is wrong."""


def read_checkpoint(path: str | Path, map_location: Any = None) -> dict[str, Any]:
    """The contents of a ``.ckpt`` file of a `SequenceClassifier`.

    Args:
        path: the file.
        map_location: where the tensors go, as in `torch.load`; default: the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint of this library.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"checkpoint not found: {path}")
    # Else torch takes it for its oldest format, and fails in more ways.
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a checkpoint that can be read safely: not a zip archive")
    try:
        checkpoint = torch.load(path, map_location=map_location or "cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a checkpoint that can be read safely: {reason}") from None
    settings = checkpoint.get("hyper_parameters") if isinstance(checkpoint, dict) else None
    if not isinstance(settings, dict) or "spec" not in settings or "state_dict" not in checkpoint:
        raise ValueError(
            f"{path} is not a checkpoint of birnn-lightning: it holds no model spec. "
            "Expected a .ckpt file that `birnn fit` or a Trainer wrote."
        )
    return checkpoint


class CheckpointedModule(LightningModule):
    """A module whose checkpoint holds primitives and tensors alone, and what prediction needs.

    That is the spec, the settings, and the preprocessing (the vocabulary, the normalisation) of the
    data module it was trained with.

    Attributes:
        preprocessing: turns raw examples into batches; None until trained with a data module.
    """

    preprocessing: Preprocessing | None = None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A freshly initialised module from the checkpoint's ``hyper_parameters``."""
        raise NotImplementedError

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path, map_location: Any = None, **overrides: Any
    ) -> Self:
        """The classifier that a checkpoint holds, in its precision and with its preprocessing.

        Args:
            checkpoint_path: a ``.ckpt`` file; read with ``weights_only=True``.
            map_location: where the tensors go, as in `torch.load`; default: the CPU.
            **overrides: settings that replace the checkpoint's, e.g. ``learning_rate``.

        Raises:
            ValueError: not a checkpoint of this library.
            FileNotFoundError: no such file.
        """
        checkpoint = read_checkpoint(checkpoint_path, map_location)
        classifier = cls.from_config({**checkpoint["hyper_parameters"], **overrides})
        weights = checkpoint["state_dict"]
        dtypes = [value.dtype for value in weights.values() if value.is_floating_point()]
        classifier.to(*dtypes[:1])
        classifier.load_state_dict(weights)
        classifier.on_load_checkpoint(checkpoint)
        return classifier

    def on_train_start(self) -> None:
        """Takes over what the data module fitted."""
        self._adopt_preprocessing()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the preprocessing."""
        self._adopt_preprocessing()
        if self.preprocessing is not None:
            checkpoint["preprocessing"] = self.preprocessing.to_config()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the preprocessing, and hands it to the trainer's data module."""
        if "preprocessing" in checkpoint:
            self.preprocessing = preprocessing_from_config(checkpoint["preprocessing"])
            datamodule = self._datamodule()
            if datamodule is not None:
                datamodule.preprocessing = self.preprocessing

    def _adopt_preprocessing(self) -> None:
        datamodule = self._datamodule()
        if datamodule is not None:
            self.preprocessing = datamodule.preprocessing

    def _datamodule(self) -> ClassificationDataModule | None:
        """The trainer's data module, if it is one of ours."""
        datamodule = None if self._trainer is None else getattr(self._trainer, "datamodule", None)
        return datamodule if isinstance(datamodule, ClassificationDataModule) else None
