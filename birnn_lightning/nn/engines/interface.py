"""What every engine takes and returns."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from birnn_lightning.nn.cells import State, Weights
from birnn_lightning.nn.specs import Recurrent


class Direction(NamedTuple):
    """One direction to run.

    Attributes:
        spec: cell, sizes, activations; ``go_backwards`` says from which end time runs.
        weights: the parameters.
        state: the initial state, one ``(batch, hidden)`` tensor for each of the cell's states.
    """

    spec: Recurrent
    weights: Weights
    state: State


class Outcome(NamedTuple):
    """What one direction computed.

    Attributes:
        sequence: ``(batch, time, hidden)`` in the order of the input, zero at masked steps.
        state: the final state; the initial one for a row without a valid step.
    """

    sequence: Tensor
    state: State


Engine = Callable[[Sequence[Direction], Tensor, Tensor | None], list[Outcome]]
"""``(directions, inputs (batch, time, feature), mask (batch, time) or None) -> outcomes``."""
