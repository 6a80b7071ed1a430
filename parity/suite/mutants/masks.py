"""Mistakes about padding: which steps count."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from birnn_lightning.nn.engines import ENGINES, Direction, Outcome
from birnn_lightning.nn.masks import mask_from_lengths
from parity.suite.cases import Case
from parity.suite.choices import Choice
from parity.suite.mutants.mutant import Mutant, Patch, entry

RIGHT = ENGINES["scan"]
RNN, LSTM, GRU = (Choice(cell=cell).build() for cell in ("rnn", "lstm", "gru"))


def engine(change: Callable[[Direction, Tensor | None, Outcome], Outcome]) -> Patch:
    """What the engine returns for a direction, from what it should."""

    def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        outcomes = RIGHT(directions, inputs, mask)
        return [change(one, mask, out) for one, out in zip(directions, outcomes, strict=True)]

    return entry(ENGINES, "scan", run)


def masks(change: Callable[[Tensor], Tensor | None]) -> Patch:
    """What the engine takes for the mask."""

    def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        return RIGHT(directions, inputs, None if mask is None else change(mask))

    return entry(ENGINES, "scan", run)


def one_step_short(mask: Tensor) -> Tensor:
    """The first step is lost."""
    later = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
    return torch.where(later.any(1, keepdim=True), later, mask)


def as_lengths(mask: Tensor) -> Tensor:
    """As if valid steps always stood in front."""
    return mask_from_lengths(mask.sum(1), mask.shape[1])


def state_lost(direction: Direction, mask: Tensor | None, right: Outcome) -> Outcome:
    """A masked step takes the final state back to the initial one."""
    if mask is None:
        return right
    last = mask[:, 0 if direction.spec.go_backwards else -1][:, None]
    initial = direction.state or [torch.zeros_like(state) for state in right.state]
    pairs = zip(right.state, initial, strict=True)
    return Outcome(right.sequence, tuple(torch.where(last, new, old) for new, old in pairs))


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
)
