"""Where two models that differ come apart: the first layer whose output is not the same."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from birnn_lightning.inputs import masked_inputs
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import ModelSpec
from parity.convert import aligned_nodes
from parity.differences import distance, largest_difference
from parity.inputs import Inputs
from parity.layout import layer_rows
from parity.results import ParityUnavailable
from parity.runs import fresh_states, to_array
from parity.tolerance import float64_bound

if TYPE_CHECKING:
    import keras


def first_difference(
    ours: SequenceClassifier, theirs: "keras.Model", spec: ModelSpec, given: Inputs
) -> str:
    """Which layer's output differs first, where, by how much, and its rows of the weight table.

    Args:
        ours: in float64.
        theirs: in float64.
        spec: of theirs, as it was before its copy to float64.
        given: the inputs of both.
    """
    from parity import keras_model

    try:
        pairs = aligned_nodes(ours.spec, spec)
    except ParityUnavailable as error:
        return f"The models are not the same: {error}"
    pairs = [pair for pair in pairs if pair[0] not in ours.spec.inputs]
    with torch.no_grad(), fresh_states(ours.model):
        like = next(ours.parameters())
        computed = ours.model.stages(masked_inputs(ours.spec, given.arrays, None, given.mask, like))
    shared = {node.shares for node in spec.nodes}  # of whose calls Keras does not tell the first
    pairs = [pair for pair in pairs if not pair[1].shares and pair[1].name not in shared]
    names = [pair[1].name for pair in pairs]
    with keras_model.fresh_states(theirs):
        their_stages = keras_model.stages(theirs, names, given.all())
    for (our_node, their_node), their_values in zip(pairs, their_stages, strict=True):
        values = computed[our_node.name].values
        if our_node.name in ours.spec.outputs:
            values = ours.model.activate(values, ours.spec.outputs.index(our_node.name))
        text = _stage_difference(to_array(values), their_values)
        if text:
            rows = layer_rows(our_node.layer, their_node.name, f"layers.{our_node.name}")
            quoted = "; ".join(str(row) for row in rows) or "it has no weights"
            return f"First in layer {our_node.name!r}: {text} Table: {quoted}."
    return "Every layer agrees by itself; the outputs differ."


def _stage_difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Empty where two arrays agree."""
    if ours.shape != theirs.shape:
        return f"shapes {ours.shape} and {theirs.shape}."
    if largest_difference(ours, theirs) <= float64_bound(ours):
        return ""
    worst = int(np.argmax(distance(ours, theirs)))  # NaN counts as the largest
    where = tuple(int(i) for i in np.unravel_index(worst, ours.shape))
    return f"{ours[where]:.6g} is {theirs[where]:.6g} in Keras at {where}."
