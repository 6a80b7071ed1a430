"""Two models have the same gradients of a loss that sees every output of every layer."""

from typing import TYPE_CHECKING

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import ModelSpec
from parity.convert import under_their_names
from parity.differences import describe_weight, largest_difference
from parity.inputs import Inputs
from parity.results import ParityRow, ParityUnavailable
from parity.runs import run_ours
from parity.tolerance import float64_bound

if TYPE_CHECKING:
    import keras


def gradient_row(
    case: str,
    reference: SequenceClassifier,
    theirs: "keras.Model",
    spec: ModelSpec,
    given: Inputs,
) -> ParityRow:
    """Compares the float64 gradients of every parameter and of every input of features.

    Args:
        case: how the report calls the comparison.
        reference: ours in float64.
        theirs: the Keras model in float64, of any names.
        spec: of the Keras model, as it was before its copy to float64.
        given: the inputs of both, perhaps with a mask.
    """
    from parity.keras_model import fresh_states
    from parity.keras_runs import run_keras

    def row(difference: float, bound: float, detail: str) -> ParityRow:
        return ParityRow(
            case=case,
            compared="gradients",
            dtype="float64",
            max_difference=difference,
            allowed=bound,
            passed=not detail,
            detail=detail,
        )

    try:
        ours = under_their_names(reference, spec).model.eval()
    except ParityUnavailable as error:
        return row(float("nan"), 0.0, f"The models are not the same: {error}")
    first = run_ours(ours, given, gradients=True).gradients
    with fresh_states(theirs):
        second = run_keras(theirs, spec, given, gradients=True).gradients
    differences = {name: largest_difference(first[name], second[name]) for name in first}
    allowed = {name: float64_bound(first[name]) for name in first}
    wrong = [name for name in first if not differences[name] <= allowed[name]]
    shown = wrong[0] if wrong else max(first, key=lambda name: differences[name])
    detail = ""
    if wrong:
        detail = describe_weight(
            ours.spec, "gradient", shown, first[shown], second[shown], allowed[shown]
        )
    return row(differences[shown], allowed[shown], detail)
