"""A trial answers for one case: does everything that both frameworks compute agree, and who is off?

In float64 every output, state, mask, gradient and moving statistic; the recurrent layers also with
the oracle, which neither framework wrote; in float32 and bfloat16 by the rounding rule.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from birnn_lightning.nn import RecurrentLayer, SequenceModel
from parity.defects import Defect, Raised, expected_exception
from parity.differences import (
    describe_mask,
    describe_output,
    describe_weight,
    exceeds,
    largest_difference,
)
from parity.inputs import Inputs
from parity.layer_cases import LayerCase
from parity.layout import keras_arrays, rows
from parity.results import ParityReport, ParityRow
from parity.runs import Run, run_ours
from parity.tolerance import (
    backward_roundings,
    float64_bound,
    inner_roundings,
    rounding_spreads,
)
from parity.verdict import oracle_outputs, recurrent_nodes, verdict

Array = np.ndarray
Runs = Sequence[Run]

COMPARED = {
    "outputs": "outputs and states",
    "gradients": "gradients",
    "variables": "weights and statistics",
}


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
    ours = _run_ours(case, reference, batches, gradients=True)
    theirs = run_theirs(case, reference, "float64", batches, gradients=True)
    report = list(_float64_rows(case, reference, batches, ours, theirs))
    for dtype in case.dtypes:
        gradients = case.gradients == "all" and dtype == "float32"
        report.extend(_rounded_rows(case, reference, dtype, batches, ours, gradients))
    return ParityReport(tuple(report))


def _defect_row(case: LayerCase, defect: Defect, raised: Raised) -> ParityRow:
    """Passes as long as Keras raises what the defect says."""
    detail = f"This Keras has mended it: {defect.title}. Take it out of the list of defects."
    try:
        run_theirs(case, case.build(), "float64", [case.inputs()], gradients=False)
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


def requested_engine(model: SequenceModel, engine: str) -> None:
    """Makes every recurrent layer run on an engine, or on the one that suits it (``"auto"``)."""
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            layer.requested_engine = engine


def _run_ours(
    case: LayerCase, model: SequenceModel, batches: Sequence[Inputs], gradients: bool
) -> Runs:
    model.reset_states()
    statistics = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = [
        run_ours(model, batch, training=case.training, gradients=gradients) for batch in batches
    ]
    model.load_state_dict(statistics)
    return found


def run_theirs(
    case: LayerCase,
    model: SequenceModel,
    dtype: str,
    batches: Sequence[Inputs],
    gradients: bool,
) -> Runs:
    """Everything that the Keras twin computes from a case's batches, in ``dtype``."""
    from parity.keras_model import build_keras_model, write_variables
    from parity.keras_runs import run_keras

    twin = build_keras_model(case.spec, dtype, batch_size=len(batches[0].arrays[0]))
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    write_variables(twin, keras_arrays(rows(case.spec), state))
    return [
        run_keras(twin, case.spec, batch, training=case.training, gradients=gradients)
        for batch in batches
    ]


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
    largest, allowed, detail = -1.0, 0.0, ""
    for batch, (our_run, their_run) in enumerate(zip(ours, theirs, strict=True), 1):
        first, second = getattr(our_run, kind), getattr(their_run, kind)
        for name in dict.fromkeys([*first, *second]):
            if detail:
                break
            if name not in first or name not in second:
                largest, detail = float("nan"), f"{name} is in one framework alone."
                continue
            bound = float64_bound(first[name])
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


def _rounded_rows(
    case: LayerCase,
    reference: SequenceModel,
    dtype: str,
    batches: Sequence[Inputs],
    truth: Runs,
    gradients: bool,
) -> list[ParityRow]:
    """Both frameworks in a narrower dtype, each within rounding of float64."""
    narrow = case.build().to(getattr(torch, dtype))
    ours = _run_ours(case, narrow, batches, gradients)
    theirs = run_theirs(case, reference, dtype, batches, gradients)

    kinds = ("outputs", "gradients") if gradients else ("outputs",)

    def compute(model: SequenceModel) -> list[Mapping[str, Array]]:
        return [_merged(run, kinds) for run in _run_ours(case, model, batches, gradients)]

    requested_engine(reference, "auto")
    spreads = rounding_spreads(reference, compute, [_merged(run, kinds) for run in truth], dtype)
    requested_engine(reference, "scan")
    roundings = {
        "outputs": inner_roundings(reference),
        "gradients": backward_roundings(reference, case.batch * case.time),
    }
    return [
        _rounded_row(case, dtype, kind, ours, theirs, truth, spreads, roundings[kind])
        for kind in kinds
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
    spreads: Sequence[Mapping[str, float]],
    roundings: float,
) -> ParityRow:
    """The row of the tensor that comes nearest to its bound."""
    worst, row = -1.0, None
    for our_run, their_run, true_run, spread in zip(ours, theirs, truth, spreads, strict=True):
        for name, true in getattr(true_run, kind).items():
            allowed = roundings * spread[f"{kind} {name}"]
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
