"""Mistakes about dropout of the state: what its factors are multiplied with."""

import torch
from torch import Tensor

from birnn_lightning.nn import cells
from birnn_lightning.nn.activations import Activation
from birnn_lightning.nn.cells import Recurrence, State
from parity.suite.choices import Choice
from parity.suite.mutants.cells import step
from parity.suite.mutants.dropout import BOTH, dropping
from parity.suite.mutants.mutant import Mutant


def carry_dropped(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """The GRU carries ``z`` times the state that its update gate sees."""
    (h,) = state
    (new,) = cells.gru_step(x, state, recurrence, act, gate)
    if recurrence.factor is None:
        return (new,)
    z = gate((x + recurrence(h)).chunk(3, dim=-1)[1])
    return (new - z * h + z * h * recurrence.factor[:, 1],)


def candidate_undropped(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """The candidate of a GRU that resets before sees the whole state."""
    whole = recurrence.factor
    if whole is not None:
        whole = torch.cat([whole[:, :2], torch.ones_like(whole[:, 2:])], dim=1)
    return cells.gru_reset_before_step(x, state, recurrence._replace(factor=whole), act, gate)


def memory_dropped(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """The LSTM's cell state is dropped with the forget gate's factor."""
    h, c = state
    c = c if recurrence.factor is None else c * recurrence.factor[:, 1]
    return cells.lstm_step(x, (h, c), recurrence, act, gate)


def output_dropped(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """The state is dropped for good, so the output is too."""
    (h,) = state
    (new,) = cells.rnn_step(x, (h,), recurrence._replace(factor=None), act, gate)
    return (new if recurrence.factor is None else new * recurrence.factor[:, 0],)


MUTANTS = (
    Mutant(
        name="gru carry dropped",
        change="the recurrent mask acts on z h too",
        case=dropping("gru", "recurrent dropout"),
        patch=step("_GRU", carry_dropped),
        says=BOTH,
    ),
    Mutant(
        name="gru candidate not dropped",
        change="the reset state goes into its product undropped",
        case=Choice(cell="gru reset before", mask="interior", dropout="both dropouts").build(),
        patch=step("_GRU_RESET_BEFORE", candidate_undropped),
        says=BOTH,
    ),
    Mutant(
        name="lstm cell state dropped",
        change="the recurrent mask acts on c",
        case=dropping("lstm", "recurrent dropout"),
        patch=step("_LSTM", memory_dropped),
        says=BOTH,
    ),
    Mutant(
        name="rnn output dropped",
        change="the recurrent mask acts on what is returned",
        case=dropping("rnn", "recurrent dropout"),
        patch=step("_RNN", output_dropped),
        says=BOTH,
    ),
)
