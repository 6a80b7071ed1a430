"""A trajectory is what training computes, step by step, by Keras's names, so that two compare."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from parity.runs import shared_noise

Array = np.ndarray
Noise = Callable[[str, str, tuple[int, ...], int], Array]
"""``(node, key, shape, step) -> deviates``, as `parity.runs.shared_noise` draws them."""

KINDS = ("loss", "gradients", "states", "weights")
"""What a step computes, in the order in which it does: the first that differs is nearest to why."""


class TrainingBatch(NamedTuple):
    """What one step of both frameworks trains on.

    Attributes:
        arrays: one an input node.
        labels: as `birnn_lightning.losses.sequence_loss` takes them.
        mask: ``(batch, time)`` bool, an explicit mask for both; None where there is none.
        sample_weights: ``(batch,)``; None where every example counts alike.
    """

    arrays: list[Array]
    labels: Array
    mask: Array | None = None
    sample_weights: Array | None = None


class Step(NamedTuple):
    """What one step of training computed.

    Attributes:
        learning_rate: of this step.
        loss: before the update, under ``"loss"``.
        gradients: by Keras path, before clipping.
        states: of the optimiser after the update, by ``<state>/<Keras path>``.
        weights: after the update, by Keras path, moving statistics too.
    """

    learning_rate: float
    loss: dict[str, Array]
    gradients: dict[str, Array]
    states: dict[str, Array]
    weights: dict[str, Array]


class Training(Protocol):
    """A model that trains, in one framework and one precision."""

    def weights(self) -> dict[str, Array]:
        """The weights as they are, by Keras path."""
        ...

    def step(self, batch: TrainingBatch, number: int, rate: float | None = None) -> Step:
        """Trains on a batch.

        Args:
            batch: what on.
            number: of the step from 0, which decides the noise.
            rate: the learning rate; None for that of the training's own schedule.
        """
        ...


def noise_of(drops: bool) -> Noise:
    """The noise that both frameworks share; without ``drops`` dropout keeps everything."""
    return shared_noise if drops else _keeping


def _keeping(name: str, key: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Deviates above every rate of dropout."""
    if key.endswith("dropout"):
        return np.ones(shape)
    return shared_noise(name, key, shape, seed)
