"""An experiment is a model of ours, its Keras twin and how both are to be trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from birnn_lightning.module import SequenceClassifier
from parity.training.comparison import Comparison, compare_in_float32, compare_in_float64
from parity.training.starts import KerasStart, our_training
from parity.training.trajectory import Array, Step, Training, TrainingBatch

if TYPE_CHECKING:
    from parity.training.theirs import KerasTraining


class Recorded:
    """A training whose steps are computed once, however often it is compared on the same batches.

    Args:
        training: not trained yet.
    """

    def __init__(self, training: Training) -> None:
        """Takes the training and its start."""
        self._training = training
        self._start = training.weights()
        self._steps: list[Step] = []

    def weights(self) -> dict[str, Array]:
        """The weights of the start."""
        return self._start

    def step(self, batch: TrainingBatch, number: int, rate: float | None = None) -> Step:
        """What the step with this number computed."""
        if number == len(self._steps):
            self._steps.append(self._training.step(batch, number, rate))
        return self._steps[number]


@dataclass(frozen=True)
class Experiment:
    """What is trained, and how.

    Attributes:
        model: ours, its nodes under Keras's names.
        start: theirs.
        keras_rates: whether ours takes the learning rate of each step from Keras.
        drops: whether dropout drops anything; its factors scale what is kept in any case.
    """

    model: SequenceClassifier
    start: KerasStart
    keras_rates: bool = False
    drops: bool = True

    def keras_training(self, dtype: str) -> "KerasTraining":
        """Keras's training in ``dtype``, from its start."""
        return self.start.training(self.model, dtype, self.drops)

    def compare(
        self,
        batches: Sequence[TrainingBatch],
        dtype: str = "float64",
        theirs: Training | None = None,
    ) -> Comparison:
        """Trains in both frameworks, a batch a step, until the end or the first difference.

        Args:
            batches: one a step.
            dtype: ``"float64"`` or ``"float32"``.
            theirs: Keras's training; None makes a new one.
        """
        theirs = theirs or self.keras_training(dtype)
        ours = self._ours(dtype)
        if dtype == "float64":
            moved = self._ours(dtype, moved=True)
            return compare_in_float64(ours, moved, theirs, batches, self.keras_rates)
        return compare_in_float32(ours, theirs, self._ours("float64"), batches)

    def _ours(self, dtype: str, moved: bool = False) -> Training:
        return our_training(self.model, dtype, drops=self.drops, moved=moved)
