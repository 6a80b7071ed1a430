"""Mistakes about padding: which steps count, and what a masked step's output is."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn import recurrent
from birnn_lightning.nn.engines import ENGINES, Direction, Outcome, scan
from birnn_lightning.nn.masks import Masked, carry_outputs, mask_from_lengths
from birnn_lightning.nn.specs import Recurrent, RecurrentStack
from parity.cases import Case
from parity.choices import Choice
from parity.mutants.mutant import Mutant, Patch, attribute, entry

Spec = Recurrent | RecurrentStack
Output = Callable[[Spec, Outcome, Tensor | None], Tensor | None]

RNN, LSTM, GRU = (Choice(cell=cell).build() for cell in ("rnn", "lstm", "gru"))


def engine(change: Callable[[Direction, Tensor | None, Outcome], Outcome]) -> Patch:
    """What the engine returns for a direction, from what it should."""

    def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        outcomes = scan.run(directions, inputs, mask)
        return [change(one, mask, out) for one, out in zip(directions, outcomes, strict=True)]

    return entry(ENGINES, "scan", run)


def masks(change: Callable[[Tensor], Tensor | None]) -> Patch:
    """What the engine takes for the mask."""

    def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        return scan.run(directions, inputs, None if mask is None else change(mask))

    return entry(ENGINES, "scan", run)


def one_step_short(mask: Tensor) -> Tensor:
    """The first step is lost."""
    later = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
    return torch.where(later.any(1, keepdim=True), later, mask)


def as_lengths(mask: Tensor) -> Tensor:
    """As if valid steps always stood in front."""
    return mask_from_lengths(mask.sum(1), mask.shape[1])


def outputs(wrong: Output) -> Patch:
    """A direction's output; what the mistake leaves alone is None."""
    right = recurrent.direction_output

    def output(spec: Spec, outcome: Outcome, mask: Tensor | None) -> Tensor:
        mistaken = wrong(spec, outcome, mask)
        return right(spec, outcome, mask) if mistaken is None else mistaken

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
    (values, mask), *states = inputs
    right = FORWARD(layer, *inputs)
    assert mask is not None
    before = (mask.cumsum(1) == 0)[..., None]
    first, *others = right
    return (Masked(torch.where(before, states[0].values[:, None], first.values), mask), *others)


FORWARD = recurrent.RecurrentLayer.forward


def state_lost(direction: Direction, mask: Tensor | None, right: Outcome) -> Outcome:
    """A masked step takes the final state back to the initial one."""
    if mask is None:
        return right
    last = mask[:, 0 if direction.spec.go_backwards else -1][:, None]
    kept = (torch.where(last, new, old) for new, old in zip(right.state, direction.state))
    return Outcome(right.sequence, tuple(kept))


MUTANTS = (
    Mutant(
        name="mask ignored",
        change="every step is computed",
        case=GRU,
        patch=masks(lambda mask: None),
        says=("forward and backward directions", "The oracle agrees with Keras."),
    ),
    Mutant(
        name="explicit mask ignored",
        change="a mask that is given apart is not looked at",
        case=Case(cell="lstm", inputs="features, lengths"),
        patch=masks(lambda mask: None),
    ),
    Mutant(
        name="mask reversed in time",
        change="the mask is flipped once too often",
        case=RNN,
        patch=masks(lambda mask: mask.flip(1)),
        says=("forward and backward directions",),
    ),
    Mutant(
        name="mask inverted",
        change="True means padding",
        case=LSTM,
        patch=masks(lambda mask: ~mask),
    ),
    Mutant(
        name="mask one step short",
        change="the last valid step counts as padding",
        case=GRU,
        patch=masks(one_step_short),
    ),
    Mutant(
        name="left padding as right padding",
        change="only the number of valid steps counts",
        case=Choice(cell="lstm", mask="left").build(),
        patch=masks(as_lengths),
    ),
    Mutant(
        name="holes as right padding",
        change="only the number of valid steps counts",
        case=Choice(cell="gru", mask="interior").build(),
        patch=masks(as_lengths),
    ),
    Mutant(
        name="masked step loses the state",
        change="a masked last step gives the initial state as the final one",
        case=RNN,
        patch=engine(state_lost),
        says=("layer 'recurrent', final state h, forward",),
    ),
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
        case=LSTM,
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
        case=Choice(
            cell="gru", outputs="last", mask="empty row", start="initial states"
        ).build(),
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
