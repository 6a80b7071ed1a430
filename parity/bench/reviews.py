"""The reviews of an epoch: synthetic ones of IMDB's lengths, or a user's own texts."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from parity.bench.configuration import Configuration
from parity.bench.lengths import length_at

TEST_BATCH = 256
"""Reviews that are predicted at once."""


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
        """All of them as ``(n, time)`` int64, 0 behind or in front.

        Raises:
            ValueError: one is longer.
        """
        found = np.zeros((len(self.tokens), time), np.int64)
        for row, review in zip(found, self.tokens, strict=True):
            row[time - len(review) if front else 0 :][: len(review)] = review
        return found

    @property
    def longest(self) -> int:
        """The most tokens of a review; at least 1."""
        return max(map(len, self.tokens), default=1)

    def take(self, rows: Iterable[int]) -> "Reviews":
        """These of them, in this order."""
        rows = list(rows)
        return Reviews([self.tokens[row] for row in rows], self.labels[rows])


def pads_front(configuration: Configuration) -> bool:
    """Whether padding stands in front, where Keras's `pad_sequences` puts it by default."""
    return configuration.mask != "ragged"


def reviews_of(configuration: Configuration, test: bool = False) -> Reviews:
    """The first ``reviews`` of the file ``text``, or as many synthetic ones.

    They are cut at ``time``, on the side where shorter ones are padded.

    Args:
        configuration: an epoch's.
        test: instead those of the file that are for testing.
    """
    count, time = configuration.reviews, configuration.time
    if configuration.text:
        with np.load(configuration.text) as file:
            prefix = "test_" if test else ""
            count = configuration.test_reviews if test else count
            ends = np.cumsum(file[f"{prefix}lengths"][:count])
            tokens = np.split(file[f"{prefix}tokens"][: ends[-1]], ends[:-1])
            part = slice(-time, None) if pads_front(configuration) else slice(time)
            return Reviews([one[part] for one in tokens], file[f"{prefix}labels"][:count])
    generator = np.random.default_rng(count)
    lengths = length_at(generator.random(count), time)
    tokens = [
        generator.integers(1, configuration.vocabulary, length, dtype=np.int32)
        for length in lengths
    ]
    return Reviews(tokens, generator.integers(0, 2, count))


def accuracy(
    configuration: Configuration, predict: Callable[[np.ndarray], np.ndarray], trims: bool
) -> float:
    """The share of the test reviews whose class is predicted.

    Args:
        configuration: with ``test_reviews``.
        predict: tokens ``(batch, time)`` to probabilities ``(batch,)``.
        trims: whether a batch padded behind is as long as its longest review alone.
    """
    reviews, right = reviews_of(configuration, test=True), 0
    by_length = np.argsort([len(one) for one in reviews.tokens], kind="stable")
    front = pads_front(configuration)
    for start in range(0, len(by_length), TEST_BATCH):
        part = reviews.take(by_length[start : start + TEST_BATCH])
        time = part.longest if trims and not front else configuration.time
        right += int(((predict(part.padded(time, front)) > 0.5) == part.labels).sum())
    return right / len(by_length)


def encode_texts(
    path: str, test_path: str | None, vocabulary: int, target: str | os.PathLike[str]
) -> tuple[int, int]:
    """Writes encoded texts for `reviews_of`; how many there are, and how many for testing.

    Args:
        path: a file with columns ``label`` (two classes) and ``text``; see `TextDataModule`.
        test_path: one with texts for testing, or None.
        vocabulary: tokens of the first file's, padding and unknown included.
        target: an ``.npz`` file.

    Raises:
        ValueError: a file is missing or not as said.
    """
    from birnn_lightning.data import TextDataModule
    from birnn_lightning.data.examples import class_indices

    module = TextDataModule(
        train_files=path,
        test_files=test_path,
        max_tokens=vocabulary,
        max_length=None,
        validation_fraction=0.0,
    )
    arrays, counts = {}, [0, 0]
    stages = ("train", "test") if test_path else ("train",)
    for index, stage in enumerate(stages):
        examples, preprocessing = module.examples(stage), module.preprocessing
        names = list(preprocessing.class_names)
        if len(names) != 2:
            raise ValueError(f"--text needs two classes; got {names} in {path}.")
        encoded = [preprocessing.encode(text) for text in examples.inputs]
        prefix = "test_" if stage == "test" else ""
        arrays[f"{prefix}tokens"] = np.concatenate(encoded)
        arrays[f"{prefix}lengths"] = np.array([len(one) for one in encoded])
        arrays[f"{prefix}labels"] = class_indices(examples.labels or (), names, examples.where)
        counts[index] = len(encoded)
    np.savez(target, **arrays)
    return counts[0], counts[1]
