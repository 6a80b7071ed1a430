"""Mistakes in the weight table: gates, biases, transposes, directions."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import torch

from birnn_lightning.nn import specs
from parity import layout
from parity.suite.cases import Case
from parity.suite.choices import HIDDEN_SIZE, Choice
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants.mutant import AROUND, Mutant, Patch, attribute, entry

Array = np.ndarray
Edit = Callable[[str, Array], Array]

RNN, LSTM, GRU = (Choice(cell=cell).build() for cell in specs.CELL_NAMES)
BOTH = ("forward and backward directions",)
FORGET = slice(HIDDEN_SIZE, 2 * HIDDEN_SIZE)


def gates_swapped() -> Iterator[Mutant]:
    """Each pair of Keras's gates of each cell."""
    both: tuple[tuple[LayerCase, specs.CellName], ...] = ((LSTM, "lstm"), (GRU, "gru"))
    for case, cell in both:
        right = layout.KERAS_GATES[cell]
        for first, second in combinations(right, 2):
            wrong = right.translate(str.maketrans(first + second, second + first))
            yield Mutant(
                name=f"{cell} gates {first} and {second} swapped",
                change=f"the table takes Keras's gate order for {wrong!r}",
                case=case,
                patch=entry(layout.KERAS_GATES, cell, wrong),
                says=(*BOTH, f"-> {wrong})", "The oracle agrees with Keras."),
            )


def join(form: str, wrong: Callable[..., Array]) -> Patch:
    """Another way from torch arrays to a Keras array."""
    return attribute(layout, form, replace(getattr(layout, form), join=wrong))


def untransposed_blocks(array: Array) -> Array:
    """Each gate's square block as torch has it; the transpose where the blocks are not square."""
    rows, columns = array.shape
    if rows % columns:
        return array.T
    return np.concatenate(np.split(array, rows // columns), axis=1)


def from_directions(first: str, second: str) -> Patch:
    """Keras's forward and backward layers from the torch names with these suffixes."""

    def table(spec: specs.Bidirectional, keras: str, torch: str) -> Iterator[layout.Row]:
        forward, backward = spec.directions
        yield from layout.recurrent_rows(forward, f"{keras}/forward_layer/cell", torch, first)
        yield from layout.recurrent_rows(backward, f"{keras}/backward_layer/cell", torch, second)

    return entry(layout._LAYER_ROWS, specs.Bidirectional, table)


def edited(edit: Edit) -> Patch:
    """What every Keras array, given with its path, becomes on its way to Keras."""
    right = layout.Row.to_keras

    def to_keras(row: layout.Row, *arrays: Array) -> Array:
        return edit(row.keras, right(row, *arrays))

    return attribute(layout.Row, "to_keras", to_keras)


def zeroed(ending: str, where: Any) -> Patch:
    """Zeros in part of the arrays whose path has this ending."""

    def edit(path: str, array: Array) -> Array:
        array = array.copy()
        if path.endswith(ending):
            array[where] = 0
        return array

    return edited(edit)


def through_bfloat16(_: str, array: Array) -> Array:
    """Weights that were saved in half precision on the way."""
    return torch.from_numpy(array).bfloat16().to(torch.from_numpy(array).dtype).numpy()


def structure() -> Iterator[Mutant]:
    """Transposes and directions, for each cell."""
    for case, cell in ((RNN, "rnn"), (LSTM, "lstm"), (GRU, "gru")):
        yield Mutant(
            name=f"{cell} transpose missing",
            change="each gate's square block is copied as torch has it",
            case=case,
            patch=join("TRANSPOSED", untransposed_blocks),
            says=BOTH,
        )
        yield Mutant(
            name=f"{cell} directions swapped",
            change="Keras's forward layer gets the weights of the backward direction",
            case=case,
            patch=from_directions("_reverse", ""),
            says=(*BOTH, "layers.recurrent.weight_ih_l0_reverse -> recurrent/forward_layer"),
        )
    yield Mutant(
        name="backward weights forgotten",
        change="Keras's backward layer gets the weights of the forward direction too",
        case=GRU,
        patch=from_directions("", ""),
        says=("backward direction first at time step 6", "output, backward"),
    )


MUTANTS = (
    *gates_swapped(),
    *structure(),
    Mutant(
        name="gru bias rows reversed",
        change="the recurrent bias is the first row of Keras's bias",
        case=GRU,
        patch=join("STACKED", lambda first, second: np.stack([second, first])),
        says=BOTH,
    ),
    Mutant(
        name="gru biases summed",
        change="both biases in the first row, zeros in the second",
        case=GRU,
        patch=join(
            "STACKED", lambda first, second: np.stack([first + second, np.zeros_like(second)])
        ),
        says=BOTH,
    ),
    Mutant(
        name="gru recurrent bias dropped",
        change="the second row of Keras's bias is zero",
        case=GRU,
        patch=zeroed("cell/bias", 1),
        says=BOTH,
    ),
    Mutant(
        name="lstm forget bias dropped",
        change="the forget gate's bias is zero",
        case=LSTM,
        patch=zeroed("cell/bias", FORGET),
    ),
    Mutant(
        name="rnn bias dropped",
        change="the bias is zero",
        case=RNN,
        patch=zeroed("cell/bias", ...),
        says=BOTH,
    ),
    Mutant(
        name="backward bias dropped",
        change="the backward direction's bias is zero",
        case=LSTM,
        patch=zeroed("backward_layer/cell/bias", ...),
        says=("backward direction first at time step 6",),
    ),
    Mutant(
        name="upper cell's bias dropped",
        change="the second cell of a stack has no bias",
        case=Choice(cell="rnn", arrangement="stack").build(),
        patch=zeroed("cells/1/bias", ...),
        says=("output, first at time step 0", "cells/1/bias"),
    ),
    Mutant(
        name="token 0 zeroed",
        change="the embedding of token 0 is zero, as torch's padding_idx makes it",
        case=Case(cell="gru", inputs="tokens"),
        patch=zeroed("embeddings", 0),
        says=("layer 'embedding'",),
    ),
    Mutant(
        name="head bias dropped",
        change="the last layer has no bias",
        case=AROUND["Dropout, inference"],
        patch=zeroed("layer_3/bias", ...),
        says=("layer 'layer_3', output", "layers.layer_3.bias -> layer_3/bias (same)"),
    ),
    Mutant(
        name="weights through bfloat16",
        change="weights are rounded to bfloat16 on the way",
        case=Case(cell="lstm", num_layers=1),
        patch=edited(through_bfloat16),
        says=("layer 'embedding'",),
    ),
)
