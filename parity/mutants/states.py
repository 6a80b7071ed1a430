"""Mistakes about states: where they start, which are returned, and what a stack's cells see."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.cells import State
from birnn_lightning.nn.engines import Direction, Outcome
from birnn_lightning.nn.recurrent import BACKWARD, FORWARD, RecurrentLayer
from parity.choices import Choice
from parity.mutants.masks import engine
from parity.mutants.mutant import Mutant, Patch, attribute

Outcomes = list[tuple[Tensor, list[State]]]

LSTM, GRU = (Choice(cell=cell).build() for cell in ("lstm", "gru"))
STACK = Choice(cell="gru", arrangement="stack").build()
STACKS = Choice(cell="lstm", arrangement="bidirectional stack").build()


def given(cell: str) -> Any:
    """The case that is given its initial states."""
    return Choice(cell=cell, start="initial states").build()


def initial(change: Callable[[list[Tensor]], list[Tensor]]) -> Patch:
    """Where a layer starts from, from where it should."""
    right = RecurrentLayer._initial_states

    def wrong(layer: Any, values: Tensor, states: list[Tensor]) -> list[Tensor]:
        return change(right(layer, values, states))

    return attribute(RecurrentLayer, "_initial_states", wrong)


def forgotten(layer: Any, values: Tensor, states: list[Tensor]) -> list[Tensor]:
    """A stateful layer starts from zeros with every batch."""
    layer.states = None
    return INITIAL_STATES(layer, values, states)


INITIAL_STATES = RecurrentLayer._initial_states
RUN = RecurrentLayer._run
DIRECTION = RecurrentLayer._direction


def outcomes(change: Callable[[Outcomes], Outcomes]) -> Patch:
    """What the directions computed, from what they should."""

    def wrong(layer: Any, states: Any, values: Tensor, mask: Tensor | None) -> Outcomes:
        return change(RUN(layer, states, values, mask))

    return attribute(RecurrentLayer, "_run", wrong)


def swapped(found: Outcomes) -> Outcomes:
    """Each direction with the other's states."""
    (forward, first), (backward, second) = found
    return [(forward, second), (backward, first)]


def by_cell(found: Outcomes) -> Outcomes:
    """Cell by cell instead of direction by direction."""
    (forward, first), (backward, second) = found
    return [(forward, [first[0], second[0]]), (backward, [first[1], second[1]])]


def at_the_last_step(direction: Direction, mask: Tensor | None, right: Outcome) -> Outcome:
    """The backward direction's final state is its output at the last step."""
    if not direction.spec.go_backwards:
        return right
    return Outcome(right.sequence, (right.sequence[:, -1], *right.state[1:]))


def one_stack(layer: Any, states: Any, values: Tensor, mask: Tensor | None) -> Outcomes:
    """The upper cells see the sum of both directions, as stacked bidirectional layers would."""
    lower = RUN(layer, {name: found[:1] for name, found in states.items()}, values, mask)
    return [(sequence, found) for sequence, found in lower]


def shared_input(
    layer: Any, suffix: str, level: int, cell: Any, state: State, inputs: Tensor
) -> Direction:
    """The upper cell's time runs forward in both directions."""
    right = DIRECTION(layer, suffix, level, cell, state, inputs)
    return right._replace(spec=replace_order(right.spec)) if level else right


def replace_order(spec: Any) -> Any:
    """The spec, read from the start."""
    from dataclasses import replace

    return replace(spec, go_backwards=False)


MUTANTS: tuple[Mutant, ...] = ()
