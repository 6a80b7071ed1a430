"""What every engine takes and returns."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from birnn_lightning.nn.cells import State, Weights
from birnn_lightning.nn.specs import Recurrent


class DropoutFactors(NamedTuple):
    """What training drops in one direction, the same at every step; None where it drops nothing.

    Attributes:
        inputs: ``(batch, gate, feature)``, or ``(batch, 1, feature)`` for all gates alike.
        state: ``(batch, gate, hidden)``: of the state on its way into the recurrent product.
    """

    inputs: Tensor | None = None
    state: Tensor | None = None


class Direction(NamedTuple):
    """One direction to run.

    Attributes:
        spec: cell, sizes, activations; ``go_backwards`` says from which end time runs.
        weights: the parameters.
        state: the initial state, one ``(batch, hidden)`` tensor for each of the cell's states; none
            for zeros, which `with_states` makes where an engine wants them.
        dropout: factors of the inputs and of the state.
        wants_sequence: whether every step's output is wanted. Where not, the final state is enough:
            an engine may return an empty tensor.
        wants_memory: whether the final state is wanted for itself, the LSTM's memory with it. Where
            not, an engine may return a state of its output alone, and beside a sequence none.
    """

    spec: Recurrent
    weights: Weights
    state: State
    dropout: DropoutFactors = DropoutFactors()
    wants_sequence: bool = True
    wants_memory: bool = True


class Outcome(NamedTuple):
    """What one direction computed.

    Attributes:
        sequence: ``(batch, time, hidden)`` in the order of the input, zero at masked steps.
        state: the final state; the initial one for a row without a valid step.
    """

    sequence: Tensor
    state: State


Engine = Callable[[Sequence[Direction], Tensor, Tensor | None], list[Outcome]]
"""``(directions, inputs (batch, time, feature), mask (batch, time) or None) -> outcomes``.

The outcomes have the type of the inputs, under autocast too.
"""


def activation_names(spec: Recurrent) -> tuple[str, ...]:
    """The activations that a cell uses: the RNN has no gates."""
    own = spec.activation
    return (own,) if spec.cell == "rnn" else (own, spec.recurrent_activation)
