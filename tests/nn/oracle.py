"""The oracle on what an engine takes: one direction with torch's weights and tensors."""

from dataclasses import replace

import numpy as np
from torch import Tensor

from birnn_lightning.nn.engines import Direction
from parity.oracle.cells import GATES, Factor
from parity.oracle.layer import compute

Array = np.ndarray

TORCH_GATES = {"rnn": "h", "lstm": "ifgo", "gru": "rzn"}


def run(direction: Direction, inputs: Array, mask: Array | None) -> tuple[Array, tuple[Array, ...]]:
    """One direction's ``(sequence, final state)``; a masked step gives 0 and keeps the state.

    The sequence is in the order of the input, as engines return it.
    """
    spec = replace(direction.spec, return_sequences=True, zero_output_for_mask=True)
    initial = [one.detach().numpy() for one in direction.state]
    dropout = {
        f"forward.0.{kind}": by_gate(spec.cell, factor)
        for kind, factor in zip(("inputs", "recurrent"), direction.dropout, strict=True)
        if factor is not None
    }
    computed = compute(spec, keras_arrays(direction), inputs, mask, initial, dropout)
    sequence = computed.output[:, ::-1] if spec.go_backwards else computed.output
    return sequence, computed.states


def keras_arrays(direction: Direction) -> dict[str, Array]:
    """The weights as Keras lays them out."""
    spec, weights, *_ = direction

    def columns(tensor: Tensor | None) -> Array:
        if tensor is None:
            return np.zeros(len(weights.weight_ih))
        own = TORCH_GATES[spec.cell]
        blocks = np.split(tensor.detach().numpy().T, len(own), axis=-1)
        return np.concatenate([blocks[own.index(gate)] for gate in GATES[spec.cell]], axis=-1)

    bias_ih, bias_hh = columns(weights.bias_ih), columns(weights.bias_hh)
    two_rows = spec.cell == "gru" and spec.reset_after
    return {
        "cell/kernel": columns(weights.weight_ih),
        "cell/recurrent_kernel": columns(weights.weight_hh),
        "cell/bias": np.stack([bias_ih, bias_hh]) if two_rows else bias_ih + bias_hh,
    }


def by_gate(cell: str, factor: Tensor) -> Factor:
    """An engine's dropout factor ``(batch, gate or 1, feature)``."""
    if factor.shape[1] == 1:
        return factor[:, 0].numpy()
    return {gate: factor[:, index].numpy() for index, gate in enumerate(TORCH_GATES[cell])}
