"""A trial answers for one case: does everything that both frameworks compute agree, and who is off?

In float64 every output, state, mask, gradient and moving statistic; the recurrent layers also with
the oracle, which neither framework wrote; in float32 and bfloat16 by the rounding rule.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from birnn_lightning.nn import SequenceModel
from parity.differences import (
    describe_mask,
    describe_output,
    describe_weight,
    largest_difference,
)
from parity.inputs import Inputs
from parity.results import ParityReport, ParityRow
from parity.runs import Run
from parity.suite import case_runs
from parity.suite.case_runs import COMPARED, Runs, requested_engine
from parity.suite.defects import Defect, Raised, expected_exception, has_coarse_constants
from parity.suite.layer_cases import LayerCase
from parity.suite.rounding import rounded_rows
from parity.suite.verdict import oracle_outputs, recurrent_nodes, verdict
from parity.tolerance import coarse_bound, float64_bound

Array = np.ndarray


def run_trial(case: LayerCase) -> ParityReport:
    """Compares one case in every dtype that it asks for.

    Where a known defect keeps Keras from running the case at all, the trial is that it still does.
    """
    expected = expected_exception(case)
    if expected is not None:
        return ParityReport((_defect_row(case, *expected),))
    reference = case.build()
    requested_engine(reference, "scan")
    batches = [case.inputs(batch) for batch in range(case.batches)]
    ours = case_runs.run_ours_on(case, reference, batches, gradients=True)
    theirs = case_runs.run_theirs_on(case, reference, "float64", batches, gradients=True)
    report = list(_float64_rows(case, reference, batches, ours, theirs))
    for dtype in case.dtypes:
        gradients = case.gradients == "all" and dtype == "float32"
        report.extend(rounded_rows(case, reference, dtype, batches, ours, gradients))
    return ParityReport(tuple(report))


def _defect_row(case: LayerCase, defect: Defect, raised: Raised) -> ParityRow:
    """Passes as long as Keras raises what the defect says."""
    detail = f"This Keras has mended it: {defect.title}. Take it out of the list of defects."
    try:
        case_runs.run_theirs_on(case, case.build(), "float64", [case.inputs()], gradients=False)
    except raised:
        detail = ""
    return ParityRow(
        case=case.name,
        compared=f"defect {defect.id}",
        dtype="float64",
        max_difference=0.0,
        allowed=0.0,
        passed=not detail,
        detail=detail,
    )


def _float64_rows(
    case: LayerCase, model: SequenceModel, batches: Sequence[Inputs], ours: Runs, theirs: Runs
) -> Iterator[ParityRow]:
    """One row each for outputs with states, masks, gradients, statistics, and the oracle."""
    truth = {
        name: array
        for node in recurrent_nodes(case.spec)
        for name, array in oracle_outputs(model, node, batches[0], ours[0], case.training).items()
    }
    yield _float64_row(case, "outputs", ours, theirs, truth)
    yield _mask_row(case, ours, theirs)
    yield _float64_row(case, "gradients", ours, theirs, {})
    yield _float64_row(case, "variables", ours, theirs, {})
    if truth:
        yield _oracle_row(case, ours[0], truth)


def _oracle_row(case: LayerCase, ours: Run, truth: Mapping[str, Array]) -> ParityRow:
    """Ours against what neither framework wrote, layer by layer."""
    by_name = {name: largest_difference(ours.outputs[name], truth[name]) for name in truth}
    allowed = {name: float64_bound(truth[name]) for name in truth}
    wrong = [name for name in truth if not by_name[name] <= allowed[name]]
    shown = wrong[0] if wrong else max(by_name, key=lambda name: by_name[name])
    return ParityRow(
        case=case.name,
        compared="oracle",
        dtype="float64",
        max_difference=by_name[shown],
        allowed=allowed[shown],
        passed=not wrong,
        detail=f"{shown} is not what the oracle computes." if wrong else "",
    )


def _float64_row(
    case: LayerCase, kind: str, ours: Runs, theirs: Runs, truth: Mapping[str, Array]
) -> ParityRow:
    bound_of = _bound_of(case)
    largest, allowed, detail = -1.0, 0.0, ""
    for batch, (our_run, their_run) in enumerate(zip(ours, theirs, strict=True), 1):
        first, second = getattr(our_run, kind), getattr(their_run, kind)
        for name in dict.fromkeys([*first, *second]):
            if detail:
                break
            if name not in first or name not in second:
                largest, detail = float("nan"), f"{name} is in one framework alone."
                continue
            bound = bound_of(first[name])
            difference = largest_difference(first[name], second[name])
            if not difference <= bound:
                known = truth if batch == 1 else {}
                detail = _detail(case, kind, name, our_run, their_run, bound, known)
                detail = detail if batch == 1 else f"In batch {batch}: {detail}"
            if detail or difference > largest:
                largest, allowed = difference, bound
    return ParityRow(
        case=case.name,
        compared=COMPARED[kind],
        dtype="float64",
        max_difference=max(largest, 0.0),
        allowed=allowed,
        passed=not detail,
        detail=detail,
    )


def _bound_of(case: LayerCase) -> Callable[[Array], float]:
    """The bound of a difference in float64, wider where a defect of this backend widens it."""
    from parity.keras_model import keras

    coarse = has_coarse_constants(case, keras.backend.backend())
    return coarse_bound if coarse else float64_bound


def _detail(
    case: LayerCase,
    kind: str,
    name: str,
    ours: Run,
    theirs: Run,
    allowed: float,
    truth: Mapping[str, Array],
) -> str:
    if kind == "outputs":
        first, second = ours.outputs[name], theirs.outputs[name]
        where = describe_output(case.spec, name, first, second, allowed)
        return f"{where} {verdict(truth, name, ours, theirs)}" if name in truth else where
    first, second = getattr(ours, kind)[name], getattr(theirs, kind)[name]
    called = "gradient" if kind == "gradients" else "value after the run"
    return describe_weight(case.spec, called, name, first, second, allowed)


def _mask_row(case: LayerCase, ours: Runs, theirs: Runs) -> ParityRow:
    """Masks agree exactly."""
    wrong = [
        (name, our_run.masks[name], their_run.masks[name])
        for our_run, their_run in zip(ours, theirs, strict=True)
        for name in our_run.masks
        if not _same_mask(our_run.masks[name], their_run.masks[name])
    ]
    return ParityRow(
        case=case.name,
        compared="masks",
        dtype="bool",
        max_difference=float(len(wrong)),
        allowed=0.0,
        passed=not wrong,
        detail=describe_mask(case.spec, *wrong[0]) if wrong else "",
    )


def _same_mask(ours: Array | None, theirs: Array | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(ours, theirs)
