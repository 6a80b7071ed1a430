"""A classifier becomes a file that Keras 3 loads; Keras is not needed to write it."""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py

from birnn_lightning.files import replacement
from birnn_lightning.module import SequenceClassifier
from parity.convert import torch_state
from parity.keras_files.writing import write_weights
from parity.keras_files.written_config import keras_model_config
from parity.layout import keras_arrays, rows
from parity.results import ParityUnavailable

KERAS_VERSION = "3.15.1"
"""The version whose format is written."""


def write_keras(
    path: str | Path, classifier: SequenceClassifier, batch_size: int | None = None
) -> None:
    """Writes a ``.keras`` file: a functional model of standard layers, not compiled.

    Args:
        path: of the file; what was there is replaced as a whole, or not at all.
        classifier: float32 or float64. Its task and training settings do not go into the file.
        batch_size: of every call; Keras needs it to make a stateful layer.

    Raises:
        ParityUnavailable: a layer or a precision that no Keras file can hold.
        OSError: the file cannot be written.
    """
    model = _model_config(classifier, batch_size)
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        _write_arrays(file, model, classifier)
    now = datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S")
    about = json.dumps({"keras_version": KERAS_VERSION, "date_saved": now})
    with replacement(path) as temporary, zipfile.ZipFile(temporary, "x") as archive:
        archive.writestr("metadata.json", about)
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", weights.getbuffer())


def write_weights_h5(
    path: str | Path, classifier: SequenceClassifier, batch_size: int | None = None
) -> None:
    """Writes a ``.weights.h5`` file for the Keras model that `write_keras` writes.

    Args:
        path: see `write_keras`.
        classifier: see `write_keras`.
        batch_size: see `write_keras`.

    Raises:
        ParityUnavailable: see `write_keras`.
        OSError: see `write_keras`.
    """
    model = _model_config(classifier, batch_size)
    with replacement(path) as temporary, h5py.File(temporary, "x") as file:
        _write_arrays(file, model, classifier)


def _model_config(classifier: SequenceClassifier, batch_size: int | None) -> dict[str, Any]:
    dtype = str(next(classifier.parameters()).dtype).removeprefix("torch.")
    if dtype not in ("float32", "float64"):
        raise ParityUnavailable(
            f"a Keras file is written in float32 or float64; the model is {dtype}. "
            "Use model.float()."
        )
    return keras_model_config(classifier.spec, dtype, batch_size=batch_size)


def _write_arrays(file: h5py.File, model: dict[str, Any], classifier: SequenceClassifier) -> None:
    arrays = keras_arrays(rows(classifier.spec), torch_state(classifier))
    write_weights(file, model["config"], arrays)
