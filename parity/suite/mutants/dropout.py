"""Mistakes about dropout in recurrent layers: what is drawn, and how often."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn import recurrent, recurrent_dropout
from birnn_lightning.nn.cells import State, Weights
from birnn_lightning.nn.engines import Direction, DropoutFactors, scan
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.specs import Recurrent
from parity.suite.choices import Choice
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants.mutant import Mutant, Patch, attribute, entry

DROPOUT = recurrent.dropout_factors
DIRECTION = RecurrentLayer._direction
FACTOR = recurrent_dropout.dropout_factor
PROJECT = scan.project
BOTH = ("forward and backward directions",)


def dropping(cell: str, dropout: str) -> LayerCase:
    """The case of a kind of dropout."""
    return Choice(cell=cell, dropout=dropout).build()


def factors(change: Callable[[DropoutFactors], DropoutFactors]) -> Patch:
    """What a cell drops, from what it should."""

    def wrong(source: Any, key: str, cell: Recurrent, inputs: Tensor) -> DropoutFactors:
        return change(DROPOUT(source, key, cell, inputs))

    return attribute(recurrent, "dropout_factors", wrong)


def one_for_all_gates(right: DropoutFactors) -> DropoutFactors:
    """The first gate's factor for every gate."""
    return DropoutFactors(*(None if f is None else f[:, :1].expand_as(f) for f in right))


def in_the_other_order(right: DropoutFactors) -> DropoutFactors:
    """Each gate with the factor of another."""
    return DropoutFactors(*(None if f is None else f.flip(1) for f in right))


def one_for_each_gate(source: Any, key: str, cell: Recurrent, inputs: Tensor) -> DropoutFactors:
    """Each gate drops other inputs, as it does beside recurrent dropout."""
    found = DROPOUT(source, key, replace(cell, recurrent_dropout=0.25), inputs)
    return DropoutFactors(found.inputs, None)


def rates_swapped(source: Any, key: str, cell: Recurrent, inputs: Tensor) -> DropoutFactors:
    """The state's rate for the inputs, and the other way."""
    rates = {"dropout": cell.recurrent_dropout, "recurrent_dropout": cell.dropout}
    return DROPOUT(source, key, replace(cell, **rates), inputs)


def fresh_each_step(inputs: Tensor, weights: Weights, factor: Tensor | None) -> Tensor:
    """Every step drops other features: here those of its neighbour in the batch."""
    if factor is None:
        return PROJECT(inputs, weights, factor)
    steps = [
        PROJECT(inputs[:, time : time + 1], weights, factor.roll(time, 0))
        for time in range(inputs.shape[1])
    ]
    return torch.cat(steps, dim=1)


def unscaled(source: Any, key: str, shape: Any, rate: float, like: Tensor) -> Tensor:
    """What is kept stays as it is."""
    return FACTOR(source, key, shape, rate, like) * (1 - rate)


def inverted(source: Any, key: str, shape: Any, rate: float, like: Tensor) -> Tensor:
    """The rate is that of what is kept."""
    return FACTOR(source, key, shape, 1 - rate, like)


def always(
    layer: Any, suffix: str, level: int, cell: Recurrent, state: State, inputs: Tensor
) -> Direction:
    """Evaluation drops what training would."""
    layer.training = True
    try:
        return DIRECTION(layer, suffix, level, cell, state, inputs)
    finally:
        layer.training = False


MUTANTS = (
    Mutant(
        name="one dropout mask for all gates",
        change="all gates drop the same, where Keras has a mask for each",
        case=dropping("lstm", "both dropouts"),
        patch=factors(one_for_all_gates),
        says=(*BOTH, "The oracle agrees with Keras."),
    ),
    Mutant(
        name="one recurrent mask for all gates",
        change="all gates of a GRU drop the same features of the state",
        case=dropping("gru", "recurrent dropout"),
        patch=factors(one_for_all_gates),
        says=BOTH,
    ),
    Mutant(
        name="a dropout mask for each gate",
        change="without recurrent dropout each gate drops other inputs",
        case=dropping("lstm", "dropout"),
        patch=attribute(recurrent, "dropout_factors", one_for_each_gate),
        says=BOTH,
    ),
    Mutant(
        name="dropout masks in another order of gates",
        change="the first gate drops what the last one should",
        case=dropping("gru", "both dropouts"),
        patch=factors(in_the_other_order),
        says=BOTH,
    ),
    Mutant(
        name="input mask shared by the directions",
        change="the backward direction drops what the forward one does",
        case=dropping("gru", "dropout"),
        patch=entry(recurrent.DIRECTION_NAMES, recurrent.BACKWARD, "forward"),
        says=("output, backward direction",),
    ),
    Mutant(
        name="dropout rates swapped",
        change="inputs are dropped at the state's rate, the state at the inputs'",
        case=dropping("rnn", "both dropouts"),
        patch=attribute(recurrent, "dropout_factors", rates_swapped),
        says=BOTH,
    ),
    Mutant(
        name="a fresh dropout mask each step",
        change="every step drops other features, as torch's dropout does",
        case=dropping("gru", "dropout"),
        patch=attribute(scan, "project", fresh_each_step),
    ),
    Mutant(
        name="dropout without scaling",
        change="what is kept is not divided by 1 - rate",
        case=dropping("rnn", "dropout"),
        patch=attribute(recurrent_dropout, "dropout_factor", unscaled),
        says=BOTH,
    ),
    Mutant(
        name="rate of what is kept",
        change="the rate says how much is kept, as in TensorFlow 1",
        case=dropping("lstm", "recurrent dropout"),
        patch=attribute(recurrent_dropout, "dropout_factor", inverted),
        says=BOTH,
    ),
    Mutant(
        name="dropout in inference",
        change="evaluation drops what training would",
        case=dropping("gru", "inference"),
        patch=attribute(RecurrentLayer, "_direction", always),
        says=BOTH,
    ),
)
