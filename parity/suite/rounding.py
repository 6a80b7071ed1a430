"""In a narrower dtype each framework stays within rounding of float64."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from birnn_lightning.nn import SequenceModel
from parity.differences import exceeds, largest_difference
from parity.inputs import Inputs
from parity.random_rounding import OPERATION_ROUNDINGS, operation_spreads
from parity.results import ParityRow
from parity.runs import Run
from parity.suite import case_runs
from parity.suite.case_runs import COMPARED, Runs, requested_engine
from parity.suite.layer_cases import LayerCase
from parity.tolerance import (
    UNIT_ROUNDOFF,
    backward_roundings,
    inner_roundings,
    rounding_spreads,
)

Array = np.ndarray


def rounded_rows(
    case: LayerCase,
    reference: SequenceModel,
    dtype: str,
    batches: Sequence[Inputs],
    truth: Runs,
    gradients: bool,
) -> list[ParityRow]:
    """Both frameworks in a narrower dtype, each within rounding of float64."""
    narrow = case.build().to(getattr(torch, dtype))
    ours = case_runs.run_ours_on(case, narrow, batches, gradients)
    theirs = case_runs.run_theirs_on(case, reference, dtype, batches, gradients)

    kinds = ("outputs", "gradients") if gradients else ("outputs",)

    def compute(model: SequenceModel) -> list[Mapping[str, Array]]:
        return [
            _merged(run, kinds) for run in case_runs.run_ours_on(case, model, batches, gradients)
        ]

    requested_engine(reference, "auto")
    merged = [_merged(run, kinds) for run in truth]
    spreads = rounding_spreads(reference, compute, merged, dtype)
    requested_engine(reference, "scan")
    roundings = {
        "outputs": inner_roundings(reference),
        "gradients": backward_roundings(reference, case.batch * case.time),
    }
    bounds = [
        {name: roundings[name.split()[0]] * moved for name, moved in spread.items()}
        for spread in spreads
    ]
    rows = [_rounded_row(case, dtype, kind, ours, theirs, truth, bounds) for kind in kinds]
    if all(row.passed for row in rows):
        return rows
    bounds = _wider_bounds(bounds, lambda: compute(reference), merged, dtype)
    return [_rounded_row(case, dtype, kind, ours, theirs, truth, bounds) for kind in kinds]


def _wider_bounds(
    bounds: Sequence[Mapping[str, float]],
    compute: Callable[[], Sequence[Mapping[str, Array]]],
    truth: Sequence[Mapping[str, Array]],
    dtype: str,
) -> list[dict[str, float]]:
    """The bounds, or what roundings of every operation explain where that is more."""
    spreads = operation_spreads(compute, truth, UNIT_ROUNDOFF[dtype])
    return [
        {
            name: max(bound, OPERATION_ROUNDINGS * spread[name])
            if np.isfinite(spread[name])
            else bound
            for name, bound in batch.items()
        }
        for batch, spread in zip(bounds, spreads, strict=True)
    ]


def _merged(run: Run, kinds: Sequence[str]) -> dict[str, Array]:
    return {f"{kind} {name}": array for kind in kinds for name, array in getattr(run, kind).items()}


def _rounded_row(
    case: LayerCase,
    dtype: str,
    kind: str,
    ours: Runs,
    theirs: Runs,
    truth: Runs,
    bounds: Sequence[Mapping[str, float]],
) -> ParityRow:
    """The row of the tensor that comes nearest to its bound."""
    worst, row = -1.0, None
    for our_run, their_run, true_run, bound in zip(ours, theirs, truth, bounds, strict=True):
        for name, true in getattr(true_run, kind).items():
            allowed = bound[f"{kind} {name}"]
            for whose, run in (("ours", our_run), ("theirs", their_run)):
                values = np.asarray(getattr(run, kind)[name], "float64")
                error = largest_difference(values, true)
                share = error / allowed if allowed else float(error > 0) * np.inf
                if not share <= worst or row is None:
                    worst = share
                    failed = exceeds(values, true, allowed)
                    row = ParityRow(
                        case=case.name,
                        compared=COMPARED[kind],
                        dtype=dtype,
                        max_difference=error,
                        allowed=allowed,
                        passed=not failed,
                        detail=f"{whose} is {error:.3g} from float64 in {name}, rounding explains "
                        f"{allowed:.3g}."
                        if failed
                        else "",
                    )
                if np.isnan(share):
                    return row
    assert row is not None
    return row
