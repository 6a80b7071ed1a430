"""Triton kernels for a GPU: one program takes a tile of rows through time, in one direction.

A step needs no launch of its own, and only valid steps are computed. It serves what cuDNN cannot
express: dropout of the state, the GRU with its reset gate first, other activations.
"""

import importlib.util
import os
from collections.abc import Sequence

from torch import Tensor

from birnn_lightning.nn.engines.interface import Direction, Outcome, activation_names
from birnn_lightning.nn.engines.operands import operands_of, run_alike
from birnn_lightning.nn.engines.triton.tokens import tokens_of
from birnn_lightning.nn.specs import Recurrent

ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu", "hard_sigmoid")
LARGEST_HIDDEN = 64
"""Units whose recurrent matrices a program can hold."""


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why the kernels cannot run a spec, or None where they can."""
    for name in activation_names(spec):
        if name not in ACTIVATIONS:
            return f"the Triton kernels have no activation {name!r}"
    if spec.hidden_size > LARGEST_HIDDEN:
        return f"the Triton kernels take {LARGEST_HIDDEN} units at most, not {spec.hidden_size}"
    return None


def obstacle_of_machine(device: str) -> str | None:
    """Why the kernels cannot run on a type of device, or None where they can."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if device == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        return "the Triton kernels are for a GPU; the layer is on 'cpu'"
    return None


def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings at once, others one by one; see `Engine` for the shapes.

    Computes in float64 where the inputs are, otherwise in float32.
    """
    return run_alike(_run, directions, inputs, mask)


def _run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings."""
    from birnn_lightning.nn.engines.triton.function import Recurrence, Run

    batch, time = inputs.shape[:2]
    tokens = tokens_of((batch, time), mask, inputs.device)
    operands = operands_of(directions, inputs, tokens)
    if operands.factor is not None and tokens.order is not None:
        operands = operands._replace(factor=operands.factor.index_select(1, tokens.order))
    backwards = tuple(direction.spec.go_backwards for direction in directions)
    plan = Run(directions[0].spec, tokens, backwards)
    anchors = [inputs, *(tensor for one in directions for tensor in (*one.weights, *one.state))]
    outputs, *finals = Recurrence.apply(plan, *operands, *anchors)
    if tokens.tokens is not None:
        flat = outputs.new_zeros(batch * time, *outputs.shape[1:])
        outputs = flat.index_copy(0, tokens.tokens, outputs)
    sequence = outputs.unflatten(0, (batch, time))
    if tokens.order is not None:
        inverse = tokens.order.argsort()
        finals = [final.index_select(1, inverse) for final in finals]
    states = finals[: len(directions[0].state)]
    return [
        Outcome(sequence[:, :, index], tuple(final[index] for final in states))
        for index in range(len(directions))
    ]
