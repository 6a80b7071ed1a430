"""The readable reference: one step after another, for every cell, activation and mask."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear

from birnn_lightning.nn.cells import Recurrence, Weights, activations_of, cell_of
from birnn_lightning.nn.engines.interface import Direction, Outcome


def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs each direction by itself; see `Engine` for the shapes.

    Autocast may mix types on the way; what comes out has that of the inputs.
    """
    outcomes = [run_direction(direction, inputs, mask) for direction in directions]
    return [
        Outcome(sequence.to(inputs.dtype), tuple(state.to(inputs.dtype) for state in states))
        for sequence, states in outcomes
    ]


def run_direction(direction: Direction, inputs: Tensor, mask: Tensor | None) -> Outcome:
    """Runs one direction; a masked step gives output 0 and leaves the state as it is."""
    spec, weights, state, dropout, *_ = direction
    step = cell_of(spec).step
    activation, recurrent_activation = activations_of(spec)
    recurrence = Recurrence(weights.weight_hh, weights.bias_hh, dropout.state)
    if mask is not None:  # whatever stands there, be it NaN, must not reach the gradients
        inputs = torch.where(mask[..., None], inputs, 0)
    projected = project(inputs, weights, dropout.inputs).unbind(1)
    valid = None if mask is None else mask[..., None].unbind(1)
    outputs: list[Tensor] = [state[0]] * len(projected)
    times = range(len(projected))
    for time in reversed(times) if spec.go_backwards else times:
        new = step(projected[time], state, recurrence, activation, recurrent_activation)
        if valid is None:
            state = new
            outputs[time] = state[0]
        else:
            here = valid[time]
            state = tuple(torch.where(here, a, b) for a, b in zip(new, state, strict=True))
            outputs[time] = torch.where(here, new[0], 0)
    return Outcome(torch.stack(outputs, dim=1), state)


def project(inputs: Tensor, weights: Weights, factor: Tensor | None) -> Tensor:
    """``x W + b`` of all gates at every step, ``(batch, time, gate * hidden)``.

    Args:
        inputs: ``(batch, time, feature)``.
        weights: the parameters.
        factor: dropout factor ``(batch, gate or 1, feature)`` of the inputs.
    """
    if factor is None:
        return linear(inputs, weights.weight_ih, weights.bias_ih)
    if factor.shape[1] == 1:
        return linear(inputs * factor, weights.weight_ih, weights.bias_ih)
    blocks = weights.weight_ih.chunk(factor.shape[1])
    parts = [linear(inputs * factor[:, None, gate], block) for gate, block in enumerate(blocks)]
    projected = torch.cat(parts, dim=-1)
    return projected if weights.bias_ih is None else projected + weights.bias_ih
