"""Two models have the same gradients of a loss that sees every output of every layer."""

from typing import TYPE_CHECKING

import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import SequenceModel
from birnn_lightning.nn.layers import Masking
from birnn_lightning.nn.specs import ModelSpec
from parity.convert import aligned_nodes
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
        ours = _under_their_names(reference, spec)
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


def _under_their_names(model: SequenceClassifier, spec: ModelSpec) -> SequenceModel:
    """Our float64 network with the node names of an equal spec."""
    names = {ours.name: other.name for ours, other in aligned_nodes(model.spec, spec)}
    renamed = SequenceModel(spec).double().eval()
    state: dict[str, torch.Tensor] = {}
    for name, tensor in model.model.state_dict().items():
        layers, node, rest = name.split(".", 2)
        state[f"{layers}.{names[node]}.{rest}"] = tensor
    renamed.load_state_dict(state)
    for name, layer in model.model.layers.items():
        if isinstance(layer, Masking):
            setattr(renamed.layers[names[name]], "mask_value", layer.mask_value)  # noqa: B010
    return renamed
