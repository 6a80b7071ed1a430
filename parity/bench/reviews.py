"""The reviews of an epoch: synthetic ones of IMDB's lengths, or a user's own texts."""

import os
from dataclasses import dataclass

import numpy as np

from parity.bench.configuration import Configuration
from parity.bench.lengths import length_at


@dataclass(frozen=True)
class Reviews:
    """Encoded reviews.

    Attributes:
        tokens: of each review ``(time,)`` int32.
        labels: ``(n,)`` int64 of 0 and 1.
    """

    tokens: list[np.ndarray]
    labels: np.ndarray

    def padded(self, time: int, front: bool) -> np.ndarray:
        """All of them as ``(n, time)`` int64, cut at the end, 0 behind or in front."""
        found = np.zeros((len(self.tokens), time), np.int64)
        for row, review in zip(found, self.tokens, strict=True):
            part = review[:time]
            row[time - len(part) if front else 0 :][: len(part)] = part
        return found


def reviews_of(configuration: Configuration) -> Reviews:
    """The first ``reviews`` of the file ``text``, or as many synthetic ones; cut at ``time``."""
    count, time = configuration.reviews, configuration.time
    if configuration.text:
        with np.load(configuration.text) as file:
            ends = np.cumsum(file["lengths"][:count])
            tokens = np.split(file["tokens"][: ends[-1]], ends[:-1])
            return Reviews([review[:time] for review in tokens], file["labels"][:count])
    generator = np.random.default_rng(count)
    lengths = length_at(generator.random(count), time)
    tokens = [
        generator.integers(1, configuration.vocabulary, length, dtype=np.int32)
        for length in lengths
    ]
    return Reviews(tokens, generator.integers(0, 2, count))


def encode_texts(path: str, vocabulary: int, target: str | os.PathLike[str]) -> int:
    """Writes the encoded texts of a file for `reviews_of`, and returns how many they are.

    Args:
        path: with columns ``label`` (two classes) and ``text``; see `TextDataModule`.
        vocabulary: tokens, padding and unknown included.
        target: an ``.npz`` file.

    Raises:
        ValueError: the file is missing or not as said.
    """
    from birnn_lightning.data import TextDataModule

    module = TextDataModule(
        train_files=path, max_tokens=vocabulary, max_length=None, validation_fraction=0.0
    )
    examples, preprocessing = module.examples("train"), module.preprocessing
    names = list(preprocessing.class_names)
    if len(names) != 2:
        raise ValueError(f"--text needs two classes; got {names} in {path}.")
    encoded = [preprocessing.encode(text) for text in examples.inputs]
    np.savez(
        target,
        tokens=np.concatenate(encoded),
        lengths=np.array([len(one) for one in encoded]),
        labels=np.array([names.index(label) for label in examples.labels or ()]),
    )
    return len(encoded)
