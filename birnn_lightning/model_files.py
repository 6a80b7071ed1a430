"""A classifier is written to a file, and read from it, with its settings and its preprocessing."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import safetensors
import torch
from lightning import __version__ as lightning_version
from safetensors.torch import save_file
from torch import Tensor

from birnn_lightning.checkpoint import UNREADABLE
from birnn_lightning.data.preprocessing import preprocessing_from_config
from birnn_lightning.files import replacement
from birnn_lightning.module import SequenceClassifier

FORMAT = "birnn-lightning"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def load_classifier(path: str | Path) -> SequenceClassifier:
    """The classifier in a ``.ckpt`` or ``.safetensors`` file; what it is, its content says.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is neither; of a Keras file the message says how to convert it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"model file not found: {path}")
    if is_keras_file(path):
        raise ValueError(
            f"{path} is a Keras file. Convert it first: python -m parity convert {path} model.ckpt"
        )
    if is_safetensors(path):
        return load_safetensors(path)
    return SequenceClassifier.load_from_checkpoint(path)


def is_keras_file(path: str | Path) -> bool:
    """Whether a file is HDF5, a zip archive with a Keras model, or JSON."""
    with open(path, "rb") as stream:
        start = stream.read(len(HDF5_SIGNATURE))
    if start == HDF5_SIGNATURE or start.lstrip()[:1] in (b"{", b"["):
        return True
    return "config.json" in _names_in_archive(path)


def is_own_file(path: str | Path) -> bool:
    """Whether a file is one that `load_classifier` is for: safetensors, or what torch writes."""
    if is_safetensors(path):
        return True
    names = _names_in_archive(path)
    return any(name.endswith("/data.pkl") for name in names)


def _names_in_archive(path: str | Path) -> list[str]:
    """Names in a zip archive; none of another file or of a damaged archive."""
    if not zipfile.is_zipfile(path):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, *UNREADABLE):
        return []


def is_safetensors(path: str | Path) -> bool:
    """Whether a file begins as safetensors do: the length of a JSON object, then the object."""
    with open(path, "rb") as stream:
        start = stream.read(9)
    if len(start) < 9 or start[8:] != b"{":
        return False
    return struct.unpack("<Q", start[:8])[0] <= Path(path).stat().st_size - 8


def save_checkpoint(path: str | Path, classifier: SequenceClassifier) -> None:
    """Writes a ``.ckpt`` file as a Trainer would that has not begun to train.

    ``SequenceClassifier.load_from_checkpoint`` reads it, and a Trainer's ``fit(ckpt_path=...)``
    starts from its weights.
    """
    checkpoint: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": lightning_version,
        "state_dict": {name: tensor.cpu() for name, tensor in classifier.state_dict().items()},
        "optimizer_states": [],
        "lr_schedulers": [],
        "hyper_parameters": classifier.to_config(),
    }
    if classifier.preprocessing is not None:
        checkpoint["preprocessing"] = classifier.preprocessing.to_config()
    with replacement(path) as temporary:
        torch.save(checkpoint, temporary)


def save_safetensors(path: str | Path, classifier: SequenceClassifier) -> None:
    """Writes the weights by the names of the weight table, everything else as JSON beside them."""
    about: dict[str, Any] = {"hyper_parameters": classifier.to_config()}
    if classifier.preprocessing is not None:
        about["preprocessing"] = classifier.preprocessing.to_config()
    # Copies, because safetensors refuses tensors that share memory.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in classifier.model.state_dict().items()
    }
    with replacement(path) as temporary:
        save_file(tensors, temporary, metadata={FORMAT: json.dumps(about)})


def load_safetensors(path: str | Path) -> SequenceClassifier:
    """The classifier that `save_safetensors` wrote, in its precision.

    Raises:
        ValueError: not a whole safetensors file, or one without a model of ours.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    if FORMAT not in metadata:
        raise ValueError(
            f"{path} holds tensors without a model spec. Expected a .safetensors file that "
            "python -m parity convert or birnn_lightning.model_files.save_safetensors wrote."
        )
    try:
        about = json.loads(metadata[FORMAT])
        classifier = SequenceClassifier.from_config(about["hyper_parameters"])
        dtypes = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
        classifier.to(*dtypes[:1])
        classifier.model.load_state_dict(tensors)
        if "preprocessing" in about:
            classifier.preprocessing = preprocessing_from_config(about["preprocessing"])
    except UNREADABLE as error:
        raise ValueError(f"{path} holds no model of ours that fits its tensors: {error}") from None
    return classifier
