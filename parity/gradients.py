"""Two models have the same gradients of a loss that sees every output of every layer."""

from typing import TYPE_CHECKING

import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import SequenceModel
from parity.convert import aligned_nodes
from parity.differences import describe_gradient, largest_difference
from parity.inputs import Inputs
from parity.results import ParityRow, ParityUnavailable
from parity.runs import run_ours
from parity.tolerance import float64_bound

if TYPE_CHECKING:
    import keras


def gradient_row(
    case: str, reference: SequenceClassifier, theirs: "keras.Model", given: Inputs
) -> ParityRow:
    """Compares the float64 gradients of every parameter and of every input of features.

    Args:
        case: how the report calls the comparison.
        reference: ours in float64.
        theirs: the Keras model in float64, of any names.
        given: the inputs of both, perhaps with a mask.
    """
    from parity.keras_runs import run_keras

    row = {"case": case, "compared": "gradients", "dtype": "float64"}
    try:
        ours = _under_their_names(reference, theirs)
    except ParityUnavailable as error:
        detail = f"The models are not the same: {error}"
        nothing = {"max_difference": float("nan"), "allowed": 0.0}
        return ParityRow(**row, **nothing, passed=False, detail=detail)
    first = run_ours(ours, given, gradients=True).gradients
    second = run_keras(theirs, ours.spec, given, gradients=True).gradients
    differences = {name: largest_difference(first[name], second[name]) for name in first}
    allowed = {name: float64_bound(first[name]) for name in first}
    wrong = [name for name in first if not differences[name] <= allowed[name]]
    shown = wrong[0] if wrong else max(first, key=lambda name: differences[name])
    return ParityRow(
        **row,
        max_difference=differences[shown],
        allowed=allowed[shown],
        passed=not wrong,
        detail=describe_gradient(ours.spec, first, second, shown, allowed[shown]) if wrong else "",
    )


def _under_their_names(model: SequenceClassifier, theirs: "keras.Model") -> SequenceModel:
    """Our network with the node names of an equal Keras model, in float64."""
    from parity import keras_model

    spec = keras_model.spec_of(theirs)
    names = {ours.name: other.name for ours, other in aligned_nodes(model.spec, spec)}
    renamed = SequenceModel(spec).double().eval()
    state: dict[str, torch.Tensor] = {}
    for name, tensor in model.model.state_dict().items():
        layers, node, rest = name.split(".", 2)
        state[f"{layers}.{names[node]}.{rest}"] = tensor
    renamed.load_state_dict(state)
    return renamed
