"""Copies of a classifier and of its Keras twin are trained side by side, step by step."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import ModelSpec
from parity.convert import under_their_names
from parity.layout import rows
from parity.results import ParityReport, ParityRow
from parity.training.causes import explain
from parity.training.comparison import Comparison
from parity.training.experiment import Experiment
from parity.training.starts import KerasStart
from parity.training.trajectory import KINDS, TrainingBatch

if TYPE_CHECKING:
    import keras

COMPARED = {
    "loss": "loss in training",
    "gradients": "gradients in training",
    "states": "states of the optimiser",
    "weights": "weights in training",
}
"""What reports call each kind."""


class TrainingReport(NamedTuple):
    """What a comparison of trainings found.

    Attributes:
        report: its rows.
        float64: the trajectories in float64.
        float32: those in float32; None where they were not asked for.
    """

    report: ParityReport
    float64: Comparison
    float32: Comparison | None


def compare_training(
    model: SequenceClassifier,
    keras_model: "keras.Model",
    batches: Sequence[TrainingBatch],
    *,
    case: str = "model",
    dtypes: Sequence[str] = ("float64", "float32"),
) -> TrainingReport:
    """Trains copies of both models on the same batches and noise, and compares every step.

    Ours trains with its own settings; Keras with the optimiser and loss it is compiled with, or
    with those that correspond to ours where it is not compiled. In float64, and in float32 where
    both models are of it.

    Args:
        model: ours; unchanged.
        keras_model: theirs, of any names; unchanged.
        batches: one a step.
        case: how the report calls it.
        dtypes: in which to train; ``"float64"`` in any case.

    Raises:
        ParityUnavailable: it cannot be tried.
    """
    from parity import keras_model as theirs

    ours = under_their_names(model, theirs.spec_of(keras_model))
    experiment = Experiment(ours, KerasStart(keras_model, ours.spec))
    training = experiment.keras_training("float64")
    in64 = experiment.compare(batches, theirs=training)
    detail = ""
    if in64.first:
        detail = _where(ours.spec, in64) + explain(experiment, batches, in64, training)
    report = [*_rows(case, "float64", in64, detail)]
    in32 = None
    narrow = next(model.parameters()).dtype == torch.float32
    if "float32" in dtypes and narrow and experiment.start.dtype == "float32" and not in64.first:
        in32 = experiment.compare(batches, "float32")
        report += _rows(case, "float32", in32, "Keras's own float32 stays nearer to float64.")
    return TrainingReport(ParityReport(tuple(report)), in64, in32)


def _rows(case: str, dtype: str, found: Comparison, detail: str) -> Iterator[ParityRow]:
    """One row for each kind of tensor that was reached."""
    for kind in KINDS:
        if kind not in found.nearest:
            continue
        one = found.nearest[kind]
        failed = found.first is not None and found.first[0] == kind
        yield ParityRow(
            case=f"{case}, {found.steps} steps",
            compared=COMPARED[kind],
            dtype=dtype,
            max_difference=one.difference,
            allowed=one.allowed,
            passed=not failed,
            detail=detail if failed else "",
        )


def _where(spec: ModelSpec, found: Comparison) -> str:
    """Step, tensor and table row of the first difference."""
    assert found.first is not None
    kind, one = found.first
    before = KINDS[: KINDS.index(kind)]
    when = f"at step {one.step}" if one.step else "before the first step"
    agreed = f" ({' and '.join(before)} agree there)" if before and one.step else ""
    table = next((str(row) for row in rows(spec) if one.name.endswith(row.keras)), "")
    quoted = f" Table: {table}." if table else ""
    if np.isinf(one.difference):
        much = "is in one framework alone."
    else:
        much = f"by {one.difference:.3g}, allowed {one.allowed:.3g}."
    return f"{COMPARED[kind].capitalize()} differ first {when}{agreed}: {one.name} {much}{quoted} "
