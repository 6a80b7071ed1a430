"""Mistakes about order: how directions become one output, and in which order its steps stand."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn import recurrent
from birnn_lightning.nn.engines import Outcome
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.recurrent_outputs import MERGES
from birnn_lightning.nn.specs import Recurrent, RecurrentStack
from parity.suite.choices import Choice
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants.mutant import Mutant, Patch, attribute, entry
from parity.suite.mutants.padding import outputs

MERGED = recurrent.merged


def arranged(cell: str, arrangement: str) -> LayerCase:
    """The case of an arrangement."""
    return Choice(cell=cell, arrangement=arrangement).build()


def merge(mode: str, wrong: Callable[[Tensor, Tensor], Tensor]) -> Patch:
    """Another way to merge."""
    return entry(MERGES, mode, wrong)


def merged(change: Callable[[tuple[Masked, ...]], tuple[Masked, ...]]) -> Patch:
    """A layer's outputs, from what they should be."""

    def wrong(spec: Any, found: list[Tensor], mask: Tensor | None) -> tuple[Masked, ...]:
        return change(MERGED(spec, found, mask))

    return attribute(recurrent, "merged", wrong)


def unflipped(
    spec: Recurrent | RecurrentStack, outcome: Outcome, _: Tensor | None
) -> Tensor | None:
    """What was read from the end stands in the order in which it was read."""
    backward = spec.return_sequences and spec.go_backwards
    return outcome.sequence.flip(1) if backward else None


def outputs_turned(found: tuple[Masked, ...]) -> tuple[Masked, ...]:
    """The steps in the other order, their mask as it was."""
    return tuple(Masked(values.flip(1), mask) for values, mask in found)


def masks_turned(found: tuple[Masked, ...]) -> tuple[Masked, ...]:
    """The mask in the other order too."""
    return tuple(Masked(values, None if m is None else m.flip(1)) for values, m in found)


MUTANTS = (
    Mutant(
        name="backward sequence not flipped",
        change="the backward half stands in the order in which it was read",
        case=arranged("lstm", "concat"),
        patch=outputs(unflipped),
        says=("backward direction first at time step 6",),
    ),
    Mutant(
        name="backward sequence not flipped before a sum",
        change="step 0 of one direction is added to the last of the other",
        case=arranged("gru", "sum"),
        patch=outputs(unflipped),
        says=("first at time step 0",),
    ),
    Mutant(
        name="backward before forward",
        change="the backward half comes first",
        case=arranged("gru", "concat"),
        patch=merge("concat", lambda first, second: torch.cat([second, first], dim=-1)),
        says=("forward and backward directions",),
    ),
    Mutant(
        name="unmerged outputs swapped",
        change="the backward output comes first",
        case=arranged("rnn", "unmerged"),
        patch=merged(lambda found: found[::-1]),
        says=("layer 'recurrent', output, forward",),
    ),
    Mutant(
        name="sum for ave",
        change="the directions' mean is not halved",
        case=arranged("rnn", "ave"),
        patch=merge("ave", torch.add),
    ),
    Mutant(
        name="ave for sum",
        change="the directions' sum is halved",
        case=arranged("lstm", "sum"),
        patch=merge("sum", lambda first, second: (first + second) / 2),
    ),
    Mutant(
        name="sum for mul",
        change="the directions are added",
        case=arranged("gru", "mul"),
        patch=merge("mul", torch.add),
    ),
    Mutant(
        name="geometric mean for mul",
        change="the directions' product loses its sign and size",
        case=arranged("rnn", "mul"),
        patch=merge("mul", lambda first, second: (first * second).abs().sqrt()),
    ),
    Mutant(
        name="go_backwards in the order of the input",
        change="a layer that reads backwards returns its steps as they stood",
        case=arranged("gru", "backwards"),
        patch=merged(outputs_turned),
        says=("output, first at time step 0",),
    ),
    Mutant(
        name="go_backwards flips the mask",
        change="the mask is reversed with the sequence",
        case=arranged("lstm", "backwards"),
        patch=merged(masks_turned),
        says=("layer 'recurrent', mask of output, first at time step 0",),
        margin=None,
    ),
    Mutant(
        name="first direction decides nothing",
        change="both directions in the order of the input though the first one reads backwards",
        case=arranged("lstm", "first direction backwards"),
        patch=merged(outputs_turned),
        says=("forward and backward directions",),
    ),
)
