"""Any model file becomes a classifier, with what is to be said about how it was read."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from birnn_lightning.losses import Task
from birnn_lightning.model_files import is_own_file, load_classifier
from birnn_lightning.module import SequenceClassifier
from parity.keras_files.file import KerasFile
from parity.keras_files.reading import read_keras
from parity.results import ParityUnavailable


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model that was read from a file.

    Attributes:
        classifier: the model.
        keras_file: where it comes from, for a Keras file.
        semantics: ``"keras2"`` or ``"keras3"``, for a Keras file.
        notes: sentences: what the file's version means otherwise, what was left out.
    """

    classifier: SequenceClassifier
    keras_file: KerasFile | None = None
    semantics: str | None = None
    notes: tuple[str, ...] = ()


def read_source(
    path: str,
    semantics: str = "auto",
    weights: str | None = None,
    backend: str | None = None,
) -> Source:
    """Reads a ``.ckpt``, a ``.safetensors`` or a Keras file, by its content.

    Args:
        path: the file.
        semantics: of a Keras file, see `parity.from_keras`.
        weights: a second file, where ``path`` holds an architecture alone.
        backend: of the Keras that wrote the file, where the file does not say.

    Raises:
        ParityUnavailable: the file cannot be read or converted.
    """
    if not Path(path).is_file():
        raise ParityUnavailable(f"model file not found: {path}.")
    if is_own_file(path):
        try:
            return Source(classifier=load_classifier(path))
        except (ValueError, OSError) as error:
            raise ParityUnavailable(str(error)) from None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = read_keras(path, semantics=semantics, weights=weights, backend=backend)
    notes = [*read.notes, *(str(one.message) for one in caught)]
    return Source(
        classifier=read.classifier,
        keras_file=read.file,
        semantics=read.semantics,
        notes=tuple(dict.fromkeys(notes)),
    )


def with_task(classifier: SequenceClassifier, task: Task) -> SequenceClassifier:
    """The same model for another task; raises ValueError where its head does not suit it."""
    changed = type(classifier).from_config({**classifier.to_config(), "task": task})
    changed.to(next(classifier.parameters()).dtype)
    changed.load_state_dict(classifier.state_dict())
    changed.preprocessing = classifier.preprocessing
    return changed
