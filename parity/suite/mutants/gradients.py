"""Mistakes on the way back alone: every output is right, and training goes wrong."""

from torch import Tensor

from birnn_lightning.nn import cells
from birnn_lightning.nn.activations import Activation
from birnn_lightning.nn.cells import Recurrence, State
from parity.suite.choices import Choice
from parity.suite.mutants.cells import step
from parity.suite.mutants.mutant import Mutant

STEPS = {"rnn": cells.rnn_step, "lstm": cells.lstm_step, "gru": cells.gru_step}


def truncated(right: cells.Step) -> cells.Step:
    """Backpropagation ends with every step."""
    return lambda x, state, recurrence, act, gate: right(
        x, tuple(part.detach() for part in state), recurrence, act, gate
    )


def reset_detached(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """The GRU's reset gate is a constant on the way back."""
    (h,) = state
    x_r, x_z, x_n = x.chunk(3, dim=-1)
    h_r, h_z, h_n = recurrence(h).chunk(3, dim=-1)
    z, r = gate(x_z + h_z), gate(x_r + h_r).detach()
    return (z * h + (1 - z) * act(x_n + r * h_n),)


def output_detached(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """The LSTM's output gate is a constant on the way back."""
    _, c = cells.lstm_step(x, state, recurrence, act, gate)
    o = gate((x + recurrence(state[0])).chunk(4, dim=-1)[3])
    return o.detach() * act(c), c


MUTANTS = (
    *(
        Mutant(
            name=f"{cell} backpropagation truncated",
            change="gradients do not pass from a step to the one before",
            case=Choice(cell=cell).build(),
            patch=step(f"_{cell.upper()}", truncated(STEPS[cell])),
            says=("gradient of recurrent/forward_layer/cell/kernel",),
            margin=None,
        )
        for cell in STEPS
    ),
    Mutant(
        name="gru reset gate without gradient",
        change="the reset gate is a constant on the way back",
        case=Choice(cell="gru", mask="one valid step").build(),
        patch=step("_GRU", reset_detached),
        says=("gradient of recurrent/forward_layer/cell/kernel, gate r:", "gates rzn -> zrn"),
        margin=None,
    ),
    Mutant(
        name="lstm output gate without gradient",
        change="the output gate is a constant on the way back",
        case=Choice(cell="lstm", mask="one valid step").build(),
        patch=step("_LSTM", output_detached),
        says=("gradient of recurrent/forward_layer/cell/kernel, gate o:", "gates ifgo -> ifgo"),
        margin=None,
    ),
)
