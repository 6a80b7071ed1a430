"""The digits and IMDB reviews as arrays, the same for every run and both frameworks."""

import hashlib
import os
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from birnn_lightning.data import DigitsDataModule, TextDataModule
from birnn_lightning.data.datamodule import ClassificationDataModule
from birnn_lightning.data.examples import EncodedExamples, Examples, sorted_class_names
from birnn_lightning.data.preprocessing import TextPreprocessing
from birnn_lightning.data.splitting import hold_out
from parity.accuracy.experiment import Arrays

SPLIT = 0
"""The seed of the split, which no run's seed changes."""

TOKENS = 10_000
LENGTH = 100


def digits() -> Arrays:
    """The project's own split of scikit-learn's digits: 1,258 to train on, 359 to test on."""
    return _arrays(DigitsDataModule(seed=SPLIT), None)


def imdb(folder: str | os.PathLike[str], examples: int, length: int = LENGTH) -> Arrays:
    """Reviews to train on, and as many others to test on, with classes in equal shares.

    The vocabulary (the 10,000 most frequent tokens) is fitted to the reviews that are trained on.
    As in Keras's tutorial, the last tokens count and the padding in front is not masked.

    Args:
        folder: with ``train.tsv.gz`` and ``test.tsv.gz``, columns ``label`` and ``text``.
        examples: how many of either.
        length: tokens of a review.

    Raises:
        ValueError: a file is missing or has too few reviews.
    """
    files = {split: str(Path(folder) / f"{split}.tsv.gz") for split in ("train", "test")}
    module = TextDataModule(
        train_files=files["train"],
        test_files=files["test"],
        max_tokens=TOKENS,
        max_length=length,
        pad_to="max_length",
        validation_fraction=0.0,
    )
    return _arrays(module, examples)


def save(arrays: Arrays, path: Path) -> None:
    """Writes the arrays for `load`, without compression."""
    np.savez(path, **asdict(arrays))


def load(path: Path) -> Arrays:
    """What `save` wrote."""
    with np.load(path) as file:
        found = {field.name: file[field.name] for field in fields(Arrays)}
    return Arrays(**{name: one if one.ndim else one.item() for name, one in found.items()})


def digest(arrays: Arrays) -> str:
    """A name for the contents."""
    found = hashlib.sha256()
    for name, value in asdict(arrays).items():
        array = np.asarray(value)
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _arrays(module: ClassificationDataModule, examples: int | None) -> Arrays:
    """The encoded splits of a data module, or as many of either's examples, by class."""
    train, test = (
        source if examples is None else _chosen(source, examples)
        for source in (module.examples("train"), module.examples("test"))
    )
    names = sorted_class_names(train.labels or [])
    preprocessing = module.fit_preprocessing(train, names)
    batches = [
        EncodedExamples(part, preprocessing, "class")[range(len(part))] for part in (train, test)
    ]
    (train_inputs, train_labels), (test_inputs, test_labels) = (
        (batch.inputs.numpy(), np.asarray(batch.labels)) for batch in batches
    )
    tokens = isinstance(preprocessing, TextPreprocessing)
    return Arrays(
        train_inputs=train_inputs,
        train_labels=train_labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        num_classes=len(names),
        vocab_size=len(preprocessing.vocabulary) if tokens else 0,
    )


def _chosen(source: Examples, count: int) -> Examples:
    """So many of the examples, drawn by class with a seed that no run's seed changes."""
    if not 0 < count < len(source):
        raise ValueError(
            f"examples must be at least 1 and less than the {len(source)} of "
            f"{source.origins[0][0]}; got {count}."
        )
    return source.take(hold_out(len(source), count / len(source), SPLIT, source.labels)[1])
