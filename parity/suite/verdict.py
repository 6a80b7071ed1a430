"""The oracle's answer for a recurrent layer, and who is off when the frameworks disagree."""

from collections.abc import Mapping

import numpy as np

from birnn_lightning.nn import SequenceModel
from birnn_lightning.nn.cells import KERAS_GATES
from birnn_lightning.nn.specs import (
    Bidirectional,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
    reference,
)
from parity.differences import exceeds
from parity.inputs import Inputs
from parity.layout import keras_arrays, layer_rows
from parity.oracle.layer import compute
from parity.runs import Run, shared_noise
from parity.tolerance import float64_bound

Array = np.ndarray
RECURRENT = (Recurrent, RecurrentStack, Bidirectional)


def recurrent_nodes(spec: ModelSpec) -> list[Node]:
    """The nodes that the oracle knows."""
    return [node for node in spec.nodes if isinstance(node.layer, RECURRENT)]


def oracle_outputs(
    model: SequenceModel, node: Node, given: Inputs, run: Run, training: bool
) -> dict[str, Array]:
    """Every output of a recurrent node by reference, from the inputs that it had in a run of ours.

    Args:
        model: gives the weights.
        node: one of `recurrent_nodes`.
        given: the model's inputs; of a stateful layer, the first batch.
        run: what the model computed from them.
        training: whether it dropped what `shared_noise` says.
    """
    layer = node.layer
    assert isinstance(layer, RECURRENT)
    inputs = dict(zip((n.name for n in model.spec.inputs), given.arrays, strict=True))
    masks = {model.spec.inputs[0].name: given.mask, **run.masks}
    sequence, *initial = [(inputs | run.outputs)[name] for name in node.inputs]
    computed = compute(
        layer,
        _arrays(model, node),
        sequence,
        masks.get(node.inputs[0]),
        initial or None,
        _factors(node, sequence) if training else None,
    )
    first = layer.forward if isinstance(layer, Bidirectional) else layer
    outputs = (*computed.outputs, *(computed.states if first.return_state else ()))
    return {reference(node.name, index): output for index, output in enumerate(outputs)}


def verdict(truth: Mapping[str, Array], name: str, ours: Run, theirs: Run) -> str:
    """One sentence on who is off in the output ``name``, by the oracle's outputs of its node."""
    right = [
        whose
        for whose, run in (("ours", ours), ("Keras", theirs))
        if not exceeds(run.outputs[name], truth[name], float64_bound(truth[name]))
    ]
    return f"The oracle agrees with {' and '.join(right) or 'neither'}."


def _arrays(model: SequenceModel, node: Node) -> dict[str, Array]:
    """The node's Keras arrays by their path in the layer."""
    table = layer_rows(node.layer, node.name, f"layers.{node.name}")
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    arrays = keras_arrays(table, state)
    return {path.removeprefix(f"{node.name}/"): array for path, array in arrays.items()}


def _factors(node: Node, sequence: Array) -> dict[str, Array | dict[str, Array]]:
    """The dropout factors that `shared_noise` gives the node, under the oracle's keys."""
    layer = node.layer
    assert isinstance(layer, RECURRENT)
    directions = layer.directions if isinstance(layer, Bidirectional) else (layer,)
    batch, _, size = sequence.shape
    factors: dict[str, Array | dict[str, Array]] = {}
    for side, direction in zip(("forward", "backward"), directions, strict=False):
        below = size
        for level, cell in enumerate(direction.cells):
            rates = {
                "inputs": (cell.dropout, below),
                "recurrent": (cell.recurrent_dropout, cell.hidden_size),
            }
            for of, (rate, features) in rates.items():
                key = f"{side}.{level}.{of}"
                if rate:
                    factors[key] = _factor(node.name, key, cell, (batch, features), rate)
            below = cell.hidden_size
    return factors


def _factor(
    name: str, key: str, cell: Recurrent, shape: tuple[int, int], rate: float
) -> Array | dict[str, Array]:
    def draw(gate: str) -> Array:
        return (shared_noise(name, f"{key}.{gate}.dropout", shape) >= rate) / (1 - rate)

    if not cell.recurrent_dropout:
        return draw("*")
    return {gate: draw(gate) for gate in KERAS_GATES[cell.cell]}
