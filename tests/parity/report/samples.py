"""Rows, reports and results as a real comparison and a real training leave them behind."""

import math

from parity.report import ClassifierResult, EpochResult
from parity.results import ParityRow

HOSTILE = 'a</td><script>alert("1")</script>&\'|`*_ \x00\x1b[31m\u202e\ufffe\ud800'


def passing(case="gru, 2 layers", compared="probabilities", difference=1.25e-7):
    return ParityRow(
        case=case,
        compared=compared,
        dtype="float32",
        max_difference=difference,
        allowed=1e-6,
        passed=True,
    )


def failing(case="lstm, masked", detail="First differs at time 3.\nTable row: kernel."):
    return ParityRow(
        case=case,
        compared="final state, backward",
        dtype="float64",
        max_difference=math.nan,
        allowed=1e-12,
        passed=False,
        detail=detail,
    )


def classifier(*, classes=2, losses=(0.7, 0.5, 0.3), name="BiGRUClassifier"):
    return ClassifierResult(
        name=name,
        epochs=tuple(
            EpochResult(epoch=epoch, train_loss=loss, val_loss=loss * 1.1, val_accuracy=0.53)
            for epoch, loss in enumerate(losses)
        ),
        test_metrics={"test_accuracy": 0.8731, "test_loss": math.nan},
        confusion=tuple(
            tuple(7 * row + column for column in range(classes)) for row in range(classes)
        ),
        class_names=tuple(f"class {index}" for index in range(classes)),
        parameters=12345,
        seconds=61.0,
    )
