"""Mistakes about states: where they start, which are returned, and what a stack's cells see."""

from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.cells import State
from birnn_lightning.nn.engines import ENGINES, Direction, Outcome
from birnn_lightning.nn.engines.initial import zero_states
from birnn_lightning.nn.recurrent import RecurrentLayer
from parity.suite.choices import Choice
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants.masks import engine
from parity.suite.mutants.mutant import Mutant, Patch, attribute

Outcomes = list[tuple[Tensor, list[State]]]

LSTM, GRU = (Choice(cell=cell).build() for cell in ("lstm", "gru"))
STACK = Choice(cell="gru", arrangement="stack").build()
STACKS = Choice(cell="lstm", arrangement="bidirectional stack").build()
INITIAL_STATES = RecurrentLayer._initial_states
RUN = RecurrentLayer._run
DIRECTION = RecurrentLayer._direction


def given(cell: str) -> LayerCase:
    """The case that is given its initial states."""
    return Choice(cell=cell, start="initial states").build()


def initial(change: Callable[[list[Tensor]], list[Tensor]]) -> Patch:
    """Where a layer starts from, from where it should."""

    def wrong(layer: Any, values: Tensor, states: list[Tensor]) -> list[Tensor]:
        zeros = zero_states([cell for _, _, cell in layer.cells()], values)
        return change(INITIAL_STATES(layer, values, states) or zeros)

    return attribute(RecurrentLayer, "_initial_states", wrong)


def forgotten(layer: Any, values: Tensor, states: list[Tensor]) -> list[Tensor]:
    """A stateful layer starts from zeros with every batch."""
    layer.states = None
    return INITIAL_STATES(layer, values, states)


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


def both_seen(layer: Any, states: Any, values: Tensor, mask: Tensor | None) -> Outcomes:
    """An upper cell sees the sum of both directions, as in stacked bidirectional layers."""
    below, sequences = values, {}
    finals: dict[str, list[State]] = {suffix: [] for suffix in states}
    for suffix, level, cell in sorted(layer.cells(), key=itemgetter(1)):
        if len(sequences) == 2:
            below = sequences.popitem()[1] + sequences.popitem()[1]
        direction = DIRECTION(layer, suffix, level, cell, states[suffix][level], below)
        ((sequences[suffix], state),) = ENGINES["scan"]([direction], below, mask)
        finals[suffix].append(state)
    return [(sequences[suffix], finals[suffix]) for suffix in states]


def upper_forward(
    layer: Any, suffix: str, level: int, cell: Any, state: State, inputs: Tensor
) -> Direction:
    """An upper cell reads from the start in both directions."""
    cell = replace(cell, go_backwards=False) if level else cell
    return DIRECTION(layer, suffix, level, cell, state, inputs)


MUTANTS = (
    Mutant(
        name="initial state of ones",
        change="the first step finds ones",
        case=LSTM,
        patch=initial(lambda right: [torch.ones_like(state) for state in right]),
        says=("forward and backward directions, first at time steps 0 and 6",),
    ),
    Mutant(
        name="initial states ignored",
        change="the first step finds zeros",
        case=given("rnn"),
        patch=initial(lambda right: [torch.zeros_like(state) for state in right]),
        says=("forward and backward directions", "The oracle agrees with Keras."),
    ),
    Mutant(
        name="initial states of the directions swapped",
        change="the backward direction's initial state comes first",
        case=given("gru"),
        patch=initial(lambda right: right[::-1]),
        says=("forward and backward directions",),
    ),
    Mutant(
        name="initial h and c swapped",
        change="the LSTM's cell state comes first",
        case=given("lstm"),
        patch=initial(lambda right: [right[index] for index in (1, 0, 3, 2)]),
        says=("forward and backward directions",),
    ),
    *(
        Mutant(
            name=f"{cell} states forgotten",
            change="a stateful layer starts from zeros with every batch",
            case=Choice(cell=cell, start="stateful", outputs="sequences").build(),
            patch=attribute(RecurrentLayer, "_initial_states", forgotten),
            says=("batch 2", "forward and backward directions"),
        )
        for cell in ("rnn", "lstm", "gru")
    ),
    Mutant(
        name="kept states of the directions swapped",
        change="each direction starts from where the other ended",
        case=Choice(cell="gru", start="stateful", outputs="sequences").build(),
        patch=initial(lambda right: right[::-1]),
        says=("batch 2",),
    ),
    Mutant(
        name="final h and c swapped",
        change="the LSTM's final cell state comes first",
        case=LSTM,
        patch=outcomes(lambda found: [(out, [s[::-1] for s in of]) for out, of in found]),
        says=("layer 'recurrent', final state h, forward",),
    ),
    Mutant(
        name="final states of the directions swapped",
        change="the backward direction's final state comes first",
        case=GRU,
        patch=outcomes(swapped),
        says=("layer 'recurrent', final state h, forward",),
    ),
    Mutant(
        name="backward final state of the last step",
        change="the backward direction's final state is what it read first",
        case=GRU,
        patch=engine(at_the_last_step),
        says=("layer 'recurrent', final state h, backward",),
    ),
    Mutant(
        name="states of a stack from above",
        change="the final states of the upper cell come first",
        case=STACK,
        patch=outcomes(lambda found: [(out, of[::-1]) for out, of in found]),
        says=("layer 'recurrent', final state h of cell 0", "shapes"),
        margin=None,
    ),
    Mutant(
        name="states of stacks cell by cell",
        change="both directions' final states of the lower cells come first",
        case=STACKS,
        patch=outcomes(by_cell),
        says=("layer 'recurrent', final state", "of cell 1, forward", "shapes"),
        margin=None,
    ),
    Mutant(
        name="upper cells see both directions",
        change="the second cell of each direction reads the sum of both",
        case=STACKS,
        patch=attribute(RecurrentLayer, "_run", both_seen),
        says=("forward and backward directions", "The oracle agrees with Keras."),
    ),
    Mutant(
        name="upper cells read from the start",
        change="the second cell of the backward direction reads forward",
        case=STACKS,
        patch=attribute(RecurrentLayer, "_direction", upper_forward),
        says=("backward direction first at time step 6",),
    ),
)
