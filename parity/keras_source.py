"""A Keras model, or a file of one, becomes a classifier."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs.custom import CustomLayer, register_custom_layer
from parity.convert import classifier_of, load_torch_arrays, with_output
from parity.keras_config.table import STANDARD_CLASSES
from parity.keras_files.file import open_keras_file
from parity.keras_files.reading import read_arrays, read_keras
from parity.keras_files.written_config import keras_model_config
from parity.layout import rows, torch_arrays
from parity.results import ParityUnavailable

if TYPE_CHECKING:
    import keras


class KerasFileNote(UserWarning):
    """What a file's version means otherwise than today's Keras would; it was converted so."""


def from_keras(
    source: "str | Path | keras.Model",
    *,
    semantics: str = "auto",
    weights: str | Path | None = None,
    backend: str | None = None,
    output: str | None = None,
    custom_layers: Mapping[str, CustomLayer] | None = None,
) -> SequenceClassifier:
    """The classifier that computes what a Keras model computes.

    Args:
        source: a Keras model, or the path of a file of any Keras version, for which no Keras is
            needed: ``.keras``, ``.h5``, ``.json`` with ``weights``.
        semantics: of a file: ``"keras2"`` or ``"keras3"`` say whose functions and masks are meant,
            ``"auto"`` those of the version that wrote it.
        weights: a file with the weights, where ``source`` is an architecture alone.
        backend: ``"theano"``, ``"tensorflow"``: of the Keras that wrote the file, where the file
            does not say and it matters.
        output: of several outputs the one to keep, by the name of its layer; default: all.
        custom_layers: for each class of layers that is not Keras's own what stands for it. They
            stay registered in this process (`birnn_lightning.register_custom_layer`).

    Returns:
        A float32 or float64 classifier; its task follows from the last activation (``regression``
        for a linear head).

    Warns:
        KerasFileNote: something in the file means what an older Keras meant by it.
        SettingLeftOut: a regulariser or constraint that we do not have.

    Raises:
        ParityUnavailable: a layer or setting that is not supported, by name; or a file that is
            damaged or no Keras file.
    """
    for name, layer in (custom_layers or {}).items():
        if name in STANDARD_CLASSES:
            raise ParityUnavailable(f"custom_layers: {name!r} is a layer of Keras, which we have.")
        register_custom_layer(name, layer)
    if isinstance(source, str | Path):
        read = read_keras(source, semantics=semantics, weights=weights, backend=backend)
        for note in read.notes:
            warnings.warn(f"{Path(source).name}: {note}", KerasFileNote, stacklevel=2)
        classifier = read.classifier
    else:
        classifier = _of_model(source)
    return classifier if output is None else with_output(classifier, output)


def load_weights(model: SequenceClassifier, path: str | Path) -> None:
    """Copies the weights in a Keras file into a model of the same layers in the same order.

    Args:
        model: of ours; nothing is changed unless everything fits.
        path: of weights alone (``.weights.h5`` of Keras 3, ``.h5`` of an older one), or of a whole
            model.

    Raises:
        ParityUnavailable: the file is no Keras file or damaged, or its weights are not those of
            such a model; the message names the first layer that differs.
    """
    config = keras_model_config(model.spec, "float32")["config"]
    arrays = read_arrays(open_keras_file(path), config, model.spec)
    load_torch_arrays(model, torch_arrays(rows(model.spec), arrays))


def _of_model(model: "keras.Model") -> SequenceClassifier:
    from parity import keras_model

    spec = keras_model.spec_of(model)
    if not model.weights:
        raise ParityUnavailable("the Keras model has no weights, so there is nothing to convert.")
    table = rows(spec)
    return classifier_of(spec, keras_model.read_variables(model, [row.keras for row in table]))
