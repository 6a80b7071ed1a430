"""How many operations the recurrent layers need, counted from their sizes."""

from parity.bench.configuration import Configuration
from parity.bench.lengths import valid_steps
from parity.bench.reviews import reviews_of

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
TRAINING = 3
"""Times the forward pass: the backward pass has two products (by the weights and for them) for
every one of the forward pass."""


def step_operations(configuration: Configuration) -> int:
    """Operations of one time step of one sequence in the layer stack, forward.

    Two (multiply, add) for every element of the input and recurrent matrices of every gate; what is
    done element by element is left out.
    """
    hidden, inputs, total = configuration.hidden, configuration.embedding, 0
    for _ in range(configuration.layers):
        total += 2 * GATES[configuration.cell] * hidden * (inputs + hidden) * 2
        inputs = 2 * hidden
    return total


def operations(configuration: Configuration) -> int:
    """Operations of one repetition; masked steps need none."""
    if configuration.workload != "epoch":
        steps = valid_steps(configuration)
    elif configuration.masked:
        steps = sum(len(review) for review in reviews_of(configuration).tokens)
    else:
        steps = configuration.reviews * configuration.time
    factor = 1 if configuration.workload == "infer" else TRAINING
    return factor * steps * step_operations(configuration)
