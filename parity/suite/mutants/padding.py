"""Mistakes about the output of a masked step, and about the last output of a padded row."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn import recurrent
from birnn_lightning.nn.engines import Outcome
from birnn_lightning.nn.masks import Masked, carry_outputs
from birnn_lightning.nn.specs import Recurrent, RecurrentStack
from parity.suite.choices import Choice
from parity.suite.mutants.mutant import Mutant, Patch, attribute

Spec = Recurrent | RecurrentStack
Output = Callable[[Spec, Outcome, Tensor | None], Tensor | None]

FORWARD = recurrent.RecurrentLayer.forward


def outputs(wrong: Output) -> Patch:
    """A direction's output; what the mistake leaves alone is None."""
    right = recurrent.direction_output

    def output(spec: Spec, outcome: Outcome, mask: Tensor | None, from_zeros: bool) -> Tensor:
        mistaken = wrong(spec, outcome, mask)
        return right(spec, outcome, mask, from_zeros) if mistaken is None else mistaken

    return attribute(recurrent, "direction_output", output)


def last_step(spec: Spec, outcome: Outcome, _: Tensor | None) -> Tensor | None:
    """``output[:, -1]``."""
    return None if spec.return_sequences else outcome.sequence[:, -1]


def last_step_backward(spec: Spec, outcome: Outcome, mask: Tensor | None) -> Tensor | None:
    """``output[:, -1]`` of what was read from the end."""
    return last_step(spec, outcome, mask) if spec.go_backwards else None


def last_step_forward(spec: Spec, outcome: Outcome, mask: Tensor | None) -> Tensor | None:
    """``output[:, -1]`` of what was read from the start."""
    return None if spec.go_backwards else last_step(spec, outcome, mask)


def repeated(spec: Spec, outcome: Outcome, mask: Tensor | None) -> Tensor | None:
    """A masked step repeats the output before it."""
    if mask is None or not spec.return_sequences:
        return None
    return carry_outputs(outcome.sequence, mask, spec.go_backwards)


def zeroed(spec: Spec, outcome: Outcome, _: Tensor | None) -> Tensor | None:
    """A masked step's output is 0."""
    return outcome.sequence if spec.return_sequences else None


def kept(spec: Spec, outcome: Outcome, _: Tensor | None) -> Tensor | None:
    """The last output is the final state, whatever the mask says."""
    return None if spec.return_sequences else outcome.state[0]


def initial_emitted(layer: Any, *inputs: Masked) -> Any:
    """Masked steps before the first valid one put out the initial state."""
    (_, mask), *states = inputs
    right = FORWARD(layer, *inputs)
    assert mask is not None
    before = (mask.cumsum(1) == 0)[..., None]
    first, *others = right
    return (Masked(torch.where(before, states[0][0][:, None], first[0]), mask), *others)


MUTANTS = (
    Mutant(
        name="output[:, -1] of both directions",
        change="the last output is that of the last step",
        case=Choice(cell="gru", outputs="last").build(),
        patch=outputs(last_step),
        says=("forward and backward directions",),
    ),
    Mutant(
        name="output[:, -1] of the backward direction",
        change="the backward half is what was read first",
        case=Choice(cell="lstm", outputs="last, states").build(),
        patch=outputs(last_step_backward),
        says=("output, backward direction:",),
    ),
    Mutant(
        name="output[:, -1] of the padded forward direction",
        change="the forward half is that of a padded step",
        case=Choice(cell="rnn", outputs="last").build(),
        patch=outputs(last_step_forward),
        says=("output, forward direction:",),
    ),
    Mutant(
        name="masked outputs repeated",
        change="a masked step repeats the output before it, as outside of Bidirectional",
        case=Choice(cell="lstm").build(),
        patch=outputs(repeated),
    ),
    Mutant(
        name="zero_output_for_mask ignored",
        change="a masked step repeats the output before it",
        case=Choice(
            cell="rnn", arrangement="backwards", mask="left", zero_output_for_mask=True
        ).build(),
        patch=outputs(repeated),
    ),
    Mutant(
        name="zero_output_for_mask always",
        change="a masked step's output is 0",
        case=Choice(cell="gru", arrangement="forward").build(),
        patch=outputs(zeroed),
        says=("output, first at time step 1:",),
    ),
    Mutant(
        name="last output of a padded row kept",
        change="with zero_output_for_mask a masked last step still gives the state",
        case=Choice(
            cell="gru",
            arrangement="backwards",
            mask="left",
            zero_output_for_mask=True,
            outputs="last",
        ).build(),
        patch=outputs(kept),
    ),
    Mutant(
        name="last output of an empty row kept",
        change="a row without a valid step gives its initial state",
        case=Choice(cell="gru", outputs="last", mask="empty row", start="initial states").build(),
        patch=outputs(kept),
        says=("forward and backward directions",),
    ),
    Mutant(
        name="leading masked steps emit the initial state",
        change="their output is the initial state, as on JAX",
        case=Choice(
            cell="lstm", arrangement="forward", mask="left", start="initial states"
        ).build(),
        patch=attribute(recurrent.RecurrentLayer, "forward", initial_emitted),
        says=("output, first at time step 0:",),
    ),
)
