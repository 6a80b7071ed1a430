"""A trained classifier's result is plain data, so that a report needs neither torch nor Keras."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """One epoch of training.

    Attributes:
        epoch: its number, as the trainer counts.
        train_loss: mean loss over the training set; NaN where it diverged.
        val_loss: mean loss over the validation set; NaN where it was not measured.
        val_accuracy: share of the validation set that was right, 0 to 1; NaN where not measured.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True, kw_only=True)
class ClassifierResult:
    """What one classifier learned, and how well it does on the test set.

    Attributes:
        name: what it is called in the report, e.g. ``"BiLSTMClassifier"``.
        epochs: its learning curves, in order.
        test_metrics: metric name to value on the test set.
        confusion: ``confusion[true][predicted]``, counts on the test set; empty for a regression.
        class_names: one per row of ``confusion``.
        parameters: how many numbers are trained.
        seconds: wall-clock time of the training.
    """

    name: str
    epochs: tuple[EpochResult, ...]
    test_metrics: Mapping[str, float]
    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]
    parameters: int
    seconds: float

    def __post_init__(self) -> None:
        """Raises ValueError where ``confusion`` is no square of counts of that length."""
        classes = len(self.class_names)
        if len(self.confusion) != classes:
            raise ValueError(
                f"confusion must have one row per class name ({classes}); got "
                f"{len(self.confusion)} rows for {self.name!r}. Give the class names in the order "
                "of the matrix's rows."
            )
        for index, row in enumerate(self.confusion):
            if len(row) != classes:
                raise ValueError(
                    f"confusion must be square ({classes} columns); got {len(row)} columns in row "
                    f"{index} for {self.name!r}. Build it as confusion[true][predicted]."
                )
            if min(row) < 0:
                raise ValueError(
                    f"confusion must hold counts, 0 or more; got {min(row)} in row {index} "
                    f"for {self.name!r}. Pass counts, not differences."
                )
