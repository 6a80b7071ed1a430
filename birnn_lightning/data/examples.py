"""Raw examples know where they come from; encoded ones come out of the dataset as batches."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from birnn_lightning.data.batch import Batch
from birnn_lightning.data.padding import pad_sequences, truncate
from birnn_lightning.data.preprocessing import Preprocessing, TextPreprocessing
from birnn_lightning.data.tokenization import Tokenizer

# What cross_entropy ignores by default, and what a metric that forgot the mask refuses.
PADDED_LABEL = -100


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Raw examples of one split.

    Attributes:
        inputs: texts, or features ``(time, features)`` with NaN where a value is missing.
        origins: file and row (from 1) of each example, for errors.
        labels: the class name of each example; or a list of names, one a step; or 0/1 numbers, one
            a class (multilabel); None when there are no labels.
        class_names: the classes in their order, where the data says so itself.
    """

    inputs: Sequence[Any]
    origins: Sequence[tuple[str, int]]
    labels: Sequence[Any] | None = None
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.inputs)

    def take(self, indices: Sequence[int]) -> "Examples":
        """Keep the examples at these indices."""
        labels = self.labels
        return replace(
            self,
            inputs=[self.inputs[index] for index in indices],
            origins=[self.origins[index] for index in indices],
            labels=None if labels is None else [labels[index] for index in indices],
        )

    def where(self, index: int) -> str:
        """Say where an example stands: ``row 7 of train.tsv``."""
        file, row = self.origins[index]
        return f"row {row} of {file}"


def sorted_class_names(labels: Iterable[str]) -> tuple[str, ...]:
    """List the classes that occur: by value when all are numbers, else alphabetically."""
    names = set(labels)
    numbers = {name: _number(name) for name in names}
    if all(number is not None for number in numbers.values()):
        return tuple(sorted(names, key=lambda name: (numbers[name], name)))
    return tuple(sorted(names))


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def class_indices(
    labels: Iterable[str], class_names: Sequence[str], where: Callable[[int], str]
) -> np.ndarray:
    """Turn class names into indices, int64.

    Raises:
        ValueError: when a label is not among the class names.
    """
    index_of = {name: index for index, name in enumerate(class_names)}
    indices = []
    for position, label in enumerate(labels):
        if label not in index_of:
            shown = ", ".join(class_names[:20]) + (", ..." if len(class_names) > 20 else "")
            raise ValueError(
                f"a label must be one of the training set's classes ({shown}); got {label!r} at "
                f"{where(position)}. Correct the label or add the class to the training set."
            )
        indices.append(index_of[label])
    return np.array(indices, dtype=np.int64)


class EncodedExamples(Dataset[Batch]):
    """A split encoded once: ``dataset[[4, 0, 7]]`` is the batch of these examples.

    Args:
        examples: raw examples.
        preprocessing: what encodes and pads them.
        labels: "class" (one a sequence), "step" (one a step) or "multilabel" (0/1 a class).
        tokenizer: what splits texts; default: `Tokenizer` with its defaults.
    """

    def __init__(
        self,
        examples: Examples,
        preprocessing: Preprocessing,
        labels: str,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self._preprocessing = preprocessing
        if isinstance(preprocessing, TextPreprocessing):
            words = preprocessing.vocabulary
            split = (tokenizer or Tokenizer())(examples.inputs, words.standardize, words.split)
            self._inputs = preprocessing.encode_all(split)
        else:
            self._inputs = [
                preprocessing.encode(series, examples.where(index))
                for index, series in enumerate(examples.inputs)
            ]
        self.lengths = [len(one) for one in self._inputs]
        self._labels: Tensor | None = None
        self._step_labels: list[np.ndarray] | None = None
        if examples.labels is None:
            return
        names = preprocessing.class_names
        if labels == "multilabel":
            self._labels = torch.tensor(np.asarray(examples.labels, dtype=np.float32))
            if self._labels.shape[1:] != (len(names),):
                raise ValueError(
                    f"an example must have one 0/1 label for each of the {len(names)} classes; got "
                    f"labels of shape {tuple(self._labels.shape)} in {examples.origins[0][0]}. "
                    "Give the file the training set's label columns."
                )
        elif labels == "class":
            self._labels = torch.from_numpy(class_indices(examples.labels, names, examples.where))
        else:
            self._step_labels = [
                self._encode_steps(steps, examples.where(index))
                for index, steps in enumerate(examples.labels)
            ]

    def _encode_steps(self, labels: Sequence[str], where: str) -> np.ndarray:
        names = self._preprocessing.class_names
        indices = class_indices(labels, names, lambda step: f"step {step} of {where}")
        return truncate(indices, self._preprocessing.max_length, self._preprocessing.truncation)

    def __len__(self) -> int:
        """Count the examples."""
        return len(self._inputs)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Collate the examples at these indices."""
        inputs, mask = self._preprocessing.collate([self._inputs[index] for index in indices])
        labels = None
        if self._labels is not None:
            labels = self._labels[list(indices)]
        elif self._step_labels is not None:
            chosen = [self._step_labels[index] for index in indices]
            labels, _ = pad_sequences(chosen, None, padding="post", value=PADDED_LABEL)
        return Batch(inputs=inputs, labels=labels, mask=mask)
