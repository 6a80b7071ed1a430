"""A Keras file becomes a classifier, without Keras: config, spec, weight table, weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from birnn_lightning.data import TextPreprocessing
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import SequenceModel
from birnn_lightning.nn.specs import ModelSpec
from parity.convert import classifier_of
from parity.keras_config.legacy import NormalizedModel, normalized_model
from parity.keras_config.model import model_spec
from parity.keras_files.file import KerasFile, open_keras_file
from parity.keras_files.refusals import malformed_refused
from parity.keras_files.text_entrance import without_text_layer
from parity.keras_files.weights import read_weights
from parity.layout import keras_shapes, rows
from parity.results import ParityUnavailable


@dataclass(frozen=True, kw_only=True)
class ReadModel:
    """What was read from a Keras file.

    Attributes:
        classifier: float64 where a weight in the file is, else float32.
        file: what the file says about itself.
        semantics: whose functions and masks are meant, ``"keras2"`` or ``"keras3"``.
        notes: sentences: what the file's version means otherwise.
    """

    classifier: SequenceClassifier
    file: KerasFile
    semantics: str
    notes: tuple[str, ...]


def read_keras(
    path: str | Path,
    *,
    semantics: str = "auto",
    weights: str | Path | None = None,
    backend: str | None = None,
) -> ReadModel:
    """Reads a model and its weights.

    Args:
        path: of a Keras file of any version, known by its content.
        semantics: ``"keras2"``, ``"keras3"``, or ``"auto"`` for those of the version that wrote
            the file.
        weights: a second file with the weights, for an architecture in JSON.
        backend: of the Keras that wrote the file, where the file does not say.

    Warns:
        SettingLeftOut: a regulariser or constraint that we do not have.

    Raises:
        ParityUnavailable: the file is damaged, above a limit, or holds something that is not
            supported; the message names the layer and the setting.
    """
    file = open_keras_file(path, backend)
    model = read_config(file, semantics)
    source = file if weights is None else open_keras_file(weights)
    config, spec, preprocessing = read_spec(file, model)
    arrays = read_arrays(source, config, spec)
    with malformed_refused(file.path):
        classifier = classifier_of(spec, arrays)
    classifier.preprocessing = preprocessing
    return ReadModel(
        classifier=classifier,
        file=file,
        semantics=model.semantics,
        notes=model.notes,
    )


def read_config(file: KerasFile, semantics: str = "auto") -> NormalizedModel:
    """A Keras file's config as today's Keras would write it."""
    if not file.class_name:
        raise ParityUnavailable(
            f"{file.path.name} holds weights alone. Give the architecture, and this file with it; "
            "or load it into a model: parity.load_weights(model, path)."
        )
    with malformed_refused(file.path):
        return normalized_model(
            file.class_name,
            file.config,
            keras_version=file.keras_version,
            backend=file.backend,
            semantics=semantics,
        )


def read_spec(
    file: KerasFile, model: NormalizedModel
) -> tuple[dict[str, Any], ModelSpec, TextPreprocessing | None]:
    """A model's config from its tokens on, its spec, and what makes tokens of strings, if any."""
    with malformed_refused(file.path):
        config, preprocessing = without_text_layer(model.class_name, model.config, file.assets)
        return config, model_spec(model.class_name, config), preprocessing


def read_arrays(
    file: KerasFile, config: Mapping[str, Any], spec: ModelSpec
) -> Mapping[str, np.ndarray]:
    """The weights by `Row.keras`, nothing of which is read before its shape was found to fit.

    Args:
        file: with the weights.
        config: of the model, normalised.
        spec: of the same model.
    """
    with malformed_refused(file.path):
        with torch.device("meta"):  # which holds shapes and no numbers, however large a file says
            network = SequenceModel(spec)
        table = rows(spec)
        shapes = keras_shapes(
            table, {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        )
    if not table:
        raise ParityUnavailable(
            f"{file.path.name}: the Keras model has no weights, so there is nothing to convert."
        )
    with malformed_refused(file.path):
        return read_weights(file, config, table, shapes)
