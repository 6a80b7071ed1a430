"""Raw examples in, labels with probabilities out: what a trained classifier is for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.activations import ACTIVATIONS


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What the model says of one example.

    Attributes:
        label: the most probable class; for multilabel the classes over 0.5; with one label a step,
            one for each step.
        probabilities: by class; with one label a step, one mapping for each step.
    """

    label: str | list[str] | list[list[str]]
    probabilities: dict[str, float] | list[dict[str, float]]


def classify(
    model: SequenceClassifier, examples: Iterable[Any], batch_size: int = 64
) -> Iterator[Classification]:
    """Classifies raw examples with the preprocessing that the model was trained with.

    Args:
        model: trained with a data module of this library, or loaded from its checkpoint.
        examples: texts, or arrays ``(time, input_size)`` of raw features.
        batch_size: how many are computed at once; also how many are read ahead.

    Raises:
        ValueError: the model has no preprocessing, or cannot take an example.
    """
    if model.preprocessing is None:
        raise ValueError(
            "the model has no preprocessing; train it with a data module of birnn_lightning, or "
            "call model.predict with tensors."
        )
    if model.task == "regression":
        raise ValueError("a regression model has no classes; call model.predict with tensors.")
    iterator = iter(examples)
    while chunk := list(islice(iterator, batch_size)):
        batch = model.preprocessing(chunk)
        outputs = model.predict(batch.inputs, mask=batch.mask, batch_size=batch_size)
        outputs = ACTIVATIONS[model.missing_activation](torch.from_numpy(outputs)).numpy()
        steps = None if batch.mask is None else batch.mask.sum(1).tolist()
        for index, output in enumerate(outputs):
            if model.tagging:
                output = output if steps is None else output[: steps[index]]
                parts = [_classification(model, step) for step in output]
                yield Classification(
                    label=[part.label for part in parts],  # type: ignore[misc]
                    probabilities=[part.probabilities for part in parts],  # type: ignore[misc]
                )
            else:
                yield _classification(model, output)


def _classification(model: SequenceClassifier, output: np.ndarray) -> Classification:
    """One vector of probabilities, ``(1,)`` for binary."""
    names = model.class_names
    values = [1 - float(output[0]), float(output[0])] if model.task == "binary" else output.tolist()
    probabilities = dict(zip(names, values, strict=True))
    if model.task == "multilabel":
        label: str | list[str] = [name for name, value in probabilities.items() if value > 0.5]
    else:
        label = names[int(np.argmax(values))]
    return Classification(label=label, probabilities=probabilities)
