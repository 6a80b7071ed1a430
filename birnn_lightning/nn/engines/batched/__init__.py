"""Plain PyTorch on any device: all directions in one product a step, and a backward pass by hand.

It needs no compiler and serves every cell, mask and dropout. Only valid steps are computed; the
loop runs outside autograd, and what does not depend on the order of time is computed for many steps
at once.
"""

from collections.abc import Sequence

from torch import Tensor

from birnn_lightning.nn.engines.batched.activations import ACROSS_UNITS
from birnn_lightning.nn.engines.batched.cells import cell_of
from birnn_lightning.nn.engines.batched.function import Recurrence
from birnn_lightning.nn.engines.batched.passes import run_forward
from birnn_lightning.nn.engines.batched.plan import Plan
from birnn_lightning.nn.engines.batched.steps import steps_of
from birnn_lightning.nn.engines.interface import Direction, Outcome, activation_names
from birnn_lightning.nn.engines.operands import needs_gradient, operands_of, run_alike
from birnn_lightning.nn.specs import Recurrent


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why the engine cannot run a spec, or None where it can."""
    for name in activation_names(spec):
        if name in ACROSS_UNITS:
            return f"the batched engine computes units apart, which activation {name!r} mixes"
    return None


def waits(spec: Recurrent, wants_memory: bool) -> str | None:
    """Why a masked pass on a GPU waits for the lengths of its rows."""
    return "the batched engine computes as many rows at each step as there are then"


def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings at once, others one by one; see `Engine` for the shapes.

    Computes in float64 where the inputs are, otherwise in float32.
    """
    return run_alike(_run, directions, inputs, mask)


def _run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings."""
    spec = directions[0].spec
    batch, time = inputs.shape[:2]
    backwards = tuple(direction.spec.go_backwards for direction in directions)
    steps = steps_of((batch, time), backwards, mask, inputs.device)
    plan = Plan(
        cell=cell_of(spec),
        steps=steps,
        wants_sequence=any(direction.wants_sequence for direction in directions),
    )
    operands = operands_of(directions, inputs, steps)
    anchors = [inputs, *(tensor for one in directions for tensor in (*one.weights, *one.state))]
    if needs_gradient(operands, anchors):
        sequence, *finals = Recurrence.apply(plan, *operands, *anchors)
    else:
        (sequence, *finals), _ = run_forward(plan, operands)
    if steps.order is not None:
        inverse = steps.order.argsort()
        finals = [final.index_select(1, inverse) for final in finals]
    return [
        Outcome(sequence[:, :, index], tuple(final[index] for final in finals))
        for index in range(len(directions))
    ]
