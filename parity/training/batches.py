"""Random batches to train on."""

import numpy as np
from numpy.typing import ArrayLike

from birnn_lightning.module import SequenceClassifier
from parity.inputs import Inputs, random_inputs
from parity.training.trajectory import Array, TrainingBatch

BATCH = 32
"""Examples of a batch cut from given ones."""


def random_batches(
    model: SequenceClassifier, steps: int, explicit_mask: bool = False, batch: int | None = None
) -> list[TrainingBatch]:
    """Ragged inputs with random labels, other ones for every step.

    Args:
        model: whose inputs and labels they are.
        steps: how many batches.
        explicit_mask: whether the mask is given apart.
        batch: how many examples; None for the default of `random_inputs`.
    """
    return [
        labelled(model, random_inputs(model, explicit_mask, seed=step, batch=batch), step)
        for step in range(steps)
    ]


def labelled(model: SequenceClassifier, given: Inputs, seed: int) -> TrainingBatch:
    """Inputs with random labels of the model's task."""
    generator = np.random.default_rng([seed, 1])
    shape = given.arrays[0].shape[: 2 if model.tagging else 1]
    labels: Array
    if model.task in ("binary", "multiclass"):
        labels = generator.integers(0, model.num_classes, shape)
    elif model.task == "multilabel":
        labels = generator.integers(0, 2, (*shape, model.num_classes)).astype("float64")
    else:
        labels = generator.standard_normal((*shape, model.num_classes))
    return TrainingBatch(given.arrays, labels, given.mask)


def given_batches(
    model: SequenceClassifier,
    given: Inputs,
    labels: ArrayLike | None,
    steps: int,
    batch: int | None = None,
) -> list[TrainingBatch]:
    """Examples in their order, from the first again after the last.

    Args:
        model: whose inputs they are.
        given: every example.
        labels: of every example; None for random ones.
        steps: how many batches.
        batch: examples of a batch; None for `BATCH`, or all where there are fewer.

    Raises:
        ValueError: the labels are not one an example.
    """
    every = labelled(model, given, seed=0)
    if labels is not None:
        found = np.asarray(labels)
        if len(found) != len(every.labels):
            raise ValueError(
                f"labels must have an entry an example, {len(every.labels)}; got {len(found)}."
            )
        every = every._replace(labels=found)
    count = len(every.labels)
    size = min(batch or BATCH, count)
    whole = count // size
    starts = (step % whole * size for step in range(steps))
    return [_rows(every, slice(start, start + size)) for start in starts]


def _rows(batch: TrainingBatch, rows: slice) -> TrainingBatch:
    return TrainingBatch(
        [array[rows] for array in batch.arrays],
        batch.labels[rows],
        None if batch.mask is None else batch.mask[rows],
    )
