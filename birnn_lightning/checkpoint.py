"""A checkpoint is read without running anything that stands in it."""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

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
