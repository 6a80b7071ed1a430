"""One output of two models as rows of a report: in float64, in float32, and its classes."""

from collections.abc import Callable

import numpy as np

from birnn_lightning.module import SequenceClassifier
from parity.differences import distance, largest_difference
from parity.inputs import Inputs
from parity.random_rounding import OPERATION_ROUNDINGS, operation_spreads
from parity.results import ParityRow
from parity.tolerance import UNIT_ROUNDOFF, float64_bound, rounding_bound

HARDEST = 32

Predict = Callable[[SequenceClassifier, Inputs], np.ndarray]


def float64_row(
    case: str,
    compared: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    explain: Callable[[], str],
) -> ParityRow:
    """Both in float64; ``explain`` says where they come apart, if they do."""
    row = {"case": case, "compared": compared, "dtype": "float64", "allowed": float64_bound(ours)}
    if ours.shape != theirs.shape:
        detail = f"shapes differ: ours {ours.shape}, theirs {theirs.shape}."
        return ParityRow(max_difference=float("nan"), passed=False, detail=detail, **row)
    difference = largest_difference(ours, theirs)
    passed = difference <= row["allowed"]
    return ParityRow(
        max_difference=difference, passed=passed, detail="" if passed else explain(), **row
    )


def float32_bound(
    reference: SequenceClassifier,
    predict: Predict,
    given: Inputs,
    truth: np.ndarray,
    *outputs: np.ndarray,
) -> float:
    """The largest float32 error that is rounding, measured where the errors are largest.

    Args:
        reference: the network in float64, on the scan engine.
        predict: computes the output in question.
        given: the inputs.
        truth: ``predict(reference, given)``.
        *outputs: what the frameworks computed in float32.
    """
    rows = hardest_rows(truth, *outputs)
    hardest, exact = given.take(rows), truth[rows]
    bound = rounding_bound(reference, lambda network: predict(network, hardest), exact)
    if all(largest_difference(output, truth) <= bound for output in outputs):
        return bound
    (spread,) = operation_spreads(
        lambda: [{"output": predict(reference, hardest)}],
        [{"output": exact}],
        UNIT_ROUNDOFF["float32"],
    )
    explained = OPERATION_ROUNDINGS * spread["output"]
    return max(bound, explained) if np.isfinite(explained) else bound


def float32_row(
    case: str, compared: str, ours: np.ndarray, theirs: np.ndarray, truth: np.ndarray, bound: float
) -> ParityRow:
    """Both within ``bound`` of the truth, so within twice of it of each other."""
    errors = {"ours": largest_difference(ours, truth), "theirs": largest_difference(theirs, truth)}
    worst = max(errors, key=lambda name: errors[name])
    passed = all(error <= bound for error in errors.values())
    detail = f"{worst} is {errors[worst]:.3g} from float64, rounding explains {bound:.3g}."
    return ParityRow(
        case=case,
        compared=compared,
        dtype="float32",
        max_difference=largest_difference(ours, theirs),
        allowed=2 * bound,
        passed=passed,
        detail="" if passed else detail,
    )


def classes_row(case: str, ours: np.ndarray, theirs: np.ndarray, bound: float) -> ParityRow:
    """Counts the predictions that differ though the decision is not a tie within rounding."""
    binary = ours.shape[-1] == 1
    if binary:
        differ, margin = (ours > 0.5) != (theirs > 0.5), np.abs(ours - 0.5)
    else:
        differ = ours.argmax(-1) != theirs.argmax(-1)
        top = np.sort(ours, axis=-1)
        margin = top[..., -1] - top[..., -2]
    count = int(np.sum(differ & (margin > 2 * bound)))
    return ParityRow(
        case=case,
        compared=f"predicted classes ({differ.size})",
        dtype="float32",
        max_difference=float(np.sum(differ)),
        allowed=float(np.sum(differ) - count),
        passed=count == 0,
        detail="" if count == 0 else f"{count} of {differ.size} predictions differ.",
    )


def hardest_rows(truth: np.ndarray, *outputs: np.ndarray) -> np.ndarray:
    """Indices of the examples with the largest float32 errors, `HARDEST` of them at most.

    The bound must explain the largest error, so the sensitivity is measured where that is.
    """
    errors = np.maximum.reduce([distance(output, truth) for output in outputs])
    largest = np.nan_to_num(errors).reshape(len(truth), -1).max(1)
    return np.sort(np.argsort(-largest, kind="stable")[:HARDEST])
