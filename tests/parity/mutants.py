"""Mistakes that a port between the frameworks makes, as data: each one has to break parity."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

from birnn_lightning.nn import SequenceModel, cells, layers, recurrent, specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.engines import ENGINES, Direction, Outcome, scan
from birnn_lightning.nn.masks import Masked, carry_outputs
from parity import layout
from parity.cases import HIDDEN_SIZE, Case
from parity.forms import Form

Array = np.ndarray
Patch = Callable[[pytest.MonkeyPatch], None]
Edit = Callable[[str, Array], Array]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One mistake.

    Attributes:
        case: the configuration of the quick grid that has to notice it.
        layer: the node whose output differs first.
        patch: puts the mistake into the weight table or into our layers.
        edit: puts it into the Keras arrays, from (path, array) to array.
    """

    case: Case
    layer: str = "bidirectional_1"
    patch: Patch = lambda _: None
    edit: Edit = lambda _, array: array


# The weight table.


def gate_orders(cell: str) -> Iterator[tuple[str, str]]:
    """Each pair of Keras's gates of a cell swapped: name and wrong order."""
    right = layout.KERAS_GATES[cell]
    for first, second in combinations(right, 2):
        wrong = right.translate(str.maketrans(first + second, second + first))
        yield f"{cell} gates {first} and {second} swapped", wrong


def keras_gates(cell: str, order: str) -> Patch:
    return lambda monkeypatch: monkeypatch.setitem(layout.KERAS_GATES, cell, order)


def join(form: str, wrong: Callable[..., Array]) -> Patch:
    right: Form = getattr(layout, form)
    return lambda monkeypatch: monkeypatch.setattr(layout, form, replace(right, join=wrong))


def untransposed_blocks(array: Array) -> Array:
    """Each gate's square block as torch has it; the transpose where the blocks are not square."""
    rows, columns = array.shape
    if rows % columns:
        return array.T
    return np.concatenate(np.split(array, rows // columns), axis=1)


def swapped_directions(spec: specs.Bidirectional, keras: str, torch: str) -> Iterator[layout.Row]:
    forward, backward = spec.directions
    yield from layout.recurrent_rows(forward, f"{keras}/forward_layer/cell", torch, "_reverse")
    yield from layout.recurrent_rows(backward, f"{keras}/backward_layer/cell", torch, "")


def swap_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(layout._LAYER_ROWS, specs.Bidirectional, swapped_directions)


def zeroed(ending: str, where: Any) -> Edit:
    """Zeros in part of the arrays whose path has this ending."""

    def edit(path: str, array: Array) -> Array:
        array = array.copy()
        if path.endswith(ending):
            array[where] = 0
        return array

    return edit


def through_bfloat16(path: str, array: Array) -> Array:
    return torch.from_numpy(array).bfloat16().float().numpy()


# One step of a cell.


def step(cell: str, wrong: cells.Step) -> Patch:
    right = getattr(cells, cell)
    return lambda monkeypatch: monkeypatch.setattr(cells, cell, replace(right, step=wrong))


def gru_inverted_update(x: Tensor, state: Any, weights: Any, act: Any, gate: Any) -> Any:
    (h,) = state
    (new,) = cells.gru_step(x, state, weights, act, gate)
    z = gate((x + linear(h, weights.weight_hh, weights.bias_hh)).chunk(3, dim=-1)[1])
    candidate = (new - z * h) / (1 - z)
    return ((1 - z) * h + z * candidate,)


def gru_reset_before(x: Tensor, state: Any, weights: Any, act: Any, gate: Any) -> Any:
    (h,) = state
    x_r, x_z, x_n = x.chunk(3, dim=-1)
    u_r, u_z, u_n = weights.weight_hh.chunk(3)
    b_r, b_z, b_n = weights.bias_hh.chunk(3)
    r, z = gate(x_r + linear(h, u_r, b_r)), gate(x_z + linear(h, u_z, b_z))
    return (z * h + (1 - z) * act(x_n + linear(r * h, u_n, b_n)),)


def gru_bias_outside_reset(x: Tensor, state: Any, weights: Any, act: Any, gate: Any) -> Any:
    (h,) = state
    h_r, h_z, h_n = linear(h, weights.weight_hh).chunk(3, dim=-1)
    x_r, x_z, x_n = (x + weights.bias_hh).chunk(3, dim=-1)
    z = gate(x_z + h_z)
    return (z * h + (1 - z) * act(x_n + gate(x_r + h_r) * h_n),)


def lstm_linear_output(x: Tensor, state: Any, weights: Any, act: Any, gate: Any) -> Any:
    h, c = cells.lstm_step(x, state, weights, act, gate)
    return h / act(c) * c, c


def lstm_forget_bias_added(x: Tensor, state: Any, weights: Any, act: Any, gate: Any) -> Any:
    """TensorFlow 1's ``forget_bias=1``, added at every step."""
    bias = torch.zeros_like(x)
    bias.chunk(4, dim=-1)[1].fill_(1)
    return cells.lstm_step(x + bias, state, weights, act, gate)


def rnn_relu(x: Tensor, state: Any, weights: Any, act: Any, gate: Any) -> Any:
    return cells.rnn_step(x, state, weights, torch.relu, gate)


def activation(name: str, wrong: Callable[[Tensor], Tensor]) -> Patch:
    return lambda monkeypatch: monkeypatch.setitem(ACTIVATIONS, name, wrong)


# Masks, directions and states.


def masks(change: Callable[[Tensor], Tensor | None]) -> Patch:
    """What the recurrent layers take for the mask."""

    def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        return scan.run(directions, inputs, None if mask is None else change(mask))

    return lambda monkeypatch: monkeypatch.setitem(ENGINES, "scan", run)


def one_step_short(mask: Tensor) -> Tensor:
    later = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
    return torch.where(later.any(1, keepdim=True), later, mask)


def outputs(
    wrong: Callable[[specs.Recurrent, Outcome, Tensor | None], Tensor | None],
) -> Patch:
    """A direction's output; what the mistake leaves alone is None."""
    right = recurrent.direction_output

    def output(spec: specs.Recurrent, outcome: Outcome, mask: Tensor | None) -> Tensor:
        mistaken = wrong(spec, outcome, mask)
        return right(spec, outcome, mask) if mistaken is None else mistaken

    return lambda monkeypatch: monkeypatch.setattr(recurrent, "direction_output", output)


def unflipped(spec: specs.Recurrent, outcome: Outcome, mask: Tensor | None) -> Tensor | None:
    backward = spec.return_sequences and spec.go_backwards
    return outcome.sequence.flip(1) if backward else None


def last_step(spec: specs.Recurrent, outcome: Outcome, mask: Tensor | None) -> Tensor | None:
    return None if spec.return_sequences else outcome.sequence[:, -1]


def last_step_backward(
    spec: specs.Recurrent, outcome: Outcome, mask: Tensor | None
) -> Tensor | None:
    return last_step(spec, outcome, mask) if spec.go_backwards else None


def last_step_forward(
    spec: specs.Recurrent, outcome: Outcome, mask: Tensor | None
) -> Tensor | None:
    return None if spec.go_backwards else last_step(spec, outcome, mask)


def repeated(spec: specs.Recurrent, outcome: Outcome, mask: Tensor | None) -> Tensor | None:
    if mask is None or not spec.return_sequences:
        return None
    return carry_outputs(outcome.sequence, mask, spec.go_backwards)


def initial_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    right = recurrent.RecurrentLayer._initial_states

    def wrong(layer: Any, values: Tensor, given: list[Tensor]) -> list[Tensor]:
        return [torch.ones_like(state) for state in right(layer, values, given)]

    monkeypatch.setattr(recurrent.RecurrentLayer, "_initial_states", wrong)


def merge(mode: str, wrong: Callable[[Tensor, Tensor], Tensor]) -> Patch:
    return lambda monkeypatch: monkeypatch.setitem(recurrent.MERGES, mode, wrong)


# The other layers.


def forward(layer: type, wrong: Callable[..., Masked]) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(layer, "forward", wrong)


def largest_valid(_: Any, given: Masked) -> Masked:
    values, mask = given
    assert mask is not None
    return Masked(values.masked_fill(~mask[..., None], -torch.inf).amax(1))


def unmasked_embedding(layer: layers.Embedding, given: Masked) -> Masked:
    return Masked(layer.weight[given.values])


def unmasked_attention(_: Any, query: Masked, value: Masked) -> Masked:
    scores = query.values @ value.values.transpose(1, 2)
    return Masked(torch.softmax(scores, dim=-1) @ value.values, query.mask)


def scaled_attention(_: Any, query: Masked, value: Masked) -> Masked:
    assert value.mask is not None
    scores = query.values @ value.values.transpose(1, 2) / query.values.shape[-1] ** 0.5
    scores = scores.masked_fill(~value.mask[:, None], -torch.inf)
    return Masked(torch.softmax(scores, dim=-1) @ value.values, query.mask)


def scaled_dropout(layer: layers.Dropout, given: Masked) -> Masked:
    return Masked(given.values * (1 - layer.spec.rate), given.mask)


def logits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SequenceModel, "activate", lambda _, values: values)


RNN, LSTM, GRU = (Case(cell=cell, num_layers=1) for cell in specs.CELL_NAMES)
DEEP = Case(cell="lstm")
FORGET = slice(HIDDEN_SIZE, 2 * HIDDEN_SIZE)

MUTANTS: dict[str, Mutant] = {
    **{
        name: Mutant(case=case, patch=keras_gates(case.cell, order))
        for case in (LSTM, GRU)
        for name, order in gate_orders(case.cell)
    },
    "gru bias rows reversed": Mutant(
        case=GRU, patch=join("STACKED", lambda a, b: np.stack([b, a]))
    ),
    "gru biases summed": Mutant(
        case=GRU, patch=join("STACKED", lambda a, b: np.stack([a + b, np.zeros_like(b)]))
    ),
    "gru recurrent bias dropped": Mutant(case=GRU, edit=zeroed("cell/bias", 1)),
    "lstm forget bias dropped": Mutant(case=LSTM, edit=zeroed("cell/bias", FORGET)),
    "rnn bias dropped": Mutant(case=RNN, edit=zeroed("cell/bias", ...)),
    "rnn transpose missing": Mutant(case=RNN, patch=join("TRANSPOSED", untransposed_blocks)),
    "lstm transpose missing": Mutant(case=LSTM, patch=join("TRANSPOSED", untransposed_blocks)),
    "gru transpose missing": Mutant(case=GRU, patch=join("TRANSPOSED", untransposed_blocks)),
    "rnn directions swapped": Mutant(case=RNN, patch=swap_directions),
    "lstm directions swapped": Mutant(case=LSTM, patch=swap_directions),
    "gru directions swapped": Mutant(case=GRU, patch=swap_directions),
    "token 0 zeroed": Mutant(
        case=Case(cell="gru", inputs="tokens"), layer="embedding", edit=zeroed("embeddings", 0)
    ),
    "head bias dropped": Mutant(case=GRU, layer="head", edit=zeroed("head/bias", ...)),
    "weights through bfloat16": Mutant(case=LSTM, layer="embedding", edit=through_bfloat16),
    "gru update gate inverted": Mutant(case=GRU, patch=step("_GRU", gru_inverted_update)),
    "gru reset before the product": Mutant(case=GRU, patch=step("_GRU", gru_reset_before)),
    "gru bias outside the reset": Mutant(case=GRU, patch=step("_GRU", gru_bias_outside_reset)),
    "lstm output without tanh": Mutant(case=LSTM, patch=step("_LSTM", lstm_linear_output)),
    "lstm forget bias added": Mutant(case=LSTM, patch=step("_LSTM", lstm_forget_bias_added)),
    "rnn with relu": Mutant(case=RNN, patch=step("_RNN", rnn_relu)),
    "hard sigmoid of Keras 2": Mutant(
        case=LSTM, patch=activation("sigmoid", lambda x: (0.2 * x + 0.5).clamp(0, 1))
    ),
    "mask ignored": Mutant(case=GRU, patch=masks(lambda mask: None)),
    "explicit mask ignored": Mutant(
        case=Case(cell="lstm", inputs="features, lengths"), patch=masks(lambda mask: None)
    ),
    "mask reversed in time": Mutant(case=RNN, patch=masks(lambda mask: mask.flip(1))),
    "mask inverted": Mutant(case=LSTM, patch=masks(lambda mask: ~mask)),
    "mask one step short": Mutant(case=GRU, patch=masks(one_step_short)),
    "backward sequence not flipped": Mutant(case=DEEP, patch=outputs(unflipped)),
    "output[:, -1] of both directions": Mutant(case=GRU, patch=outputs(last_step)),
    "output[:, -1] of the backward direction": Mutant(
        case=Case(cell="rnn", inputs="features"),
        layer="bidirectional_2",
        patch=outputs(last_step_backward),
    ),
    "output[:, -1] of the padded forward direction": Mutant(
        case=LSTM, patch=outputs(last_step_forward)
    ),
    "masked outputs repeated": Mutant(
        case=Case(cell="lstm", pooling="tagging"), patch=outputs(repeated)
    ),
    "initial state of ones": Mutant(case=LSTM, patch=initial_ones),
    "backward before forward": Mutant(
        case=GRU, patch=merge("concat", lambda first, second: torch.cat([second, first], dim=-1))
    ),
    "mean over all steps": Mutant(
        case=Case(cell="gru", pooling="mean"),
        layer="pooling",
        patch=forward(layers.GlobalAveragePooling1D, lambda _, given: Masked(given.values.mean(1))),
    ),
    "sum for mean": Mutant(
        case=Case(cell="lstm", pooling="mean", inputs="features, lengths"),
        layer="pooling",
        patch=forward(layers.GlobalAveragePooling1D, lambda _, given: Masked(given.values.sum(1))),
    ),
    "max over valid steps": Mutant(
        case=Case(cell="rnn", pooling="max"),
        layer="pooling",
        patch=forward(layers.GlobalMaxPooling1D, largest_valid),
    ),
    "attention to padding": Mutant(
        case=Case(cell="gru", pooling="attention"),
        layer="attention",
        patch=forward(layers.Attention, unmasked_attention),
    ),
    "attention scaled": Mutant(
        case=Case(cell="gru", pooling="attention"),
        layer="attention",
        patch=forward(layers.Attention, scaled_attention),
    ),
    "embedding without mask": Mutant(case=RNN, patch=forward(layers.Embedding, unmasked_embedding)),
    "masking layer without mask": Mutant(
        case=Case(cell="gru", inputs="features, mask value"),
        patch=forward(layers.Masking, lambda _, given: Masked(given.values)),
    ),
    "dropout scales in inference": Mutant(
        case=DEEP, layer="dropout_1", patch=forward(layers.Dropout, scaled_dropout)
    ),
    "logits for probabilities": Mutant(
        case=Case(cell="gru", task="binary", inputs="features"), layer="head", patch=logits
    ),
}
