"""Mistakes in one step of a cell: its equations and its activations."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, leaky_relu

from birnn_lightning.nn import cells
from birnn_lightning.nn.activations import ACTIVATIONS, Activation
from birnn_lightning.nn.cells import Recurrence, State
from parity.suite.choices import Choice
from parity.suite.mutants.mutant import Mutant, Patch, attribute, entry

RNN, LSTM, GRU = (Choice(cell=cell).build() for cell in ("rnn", "lstm", "gru"))


def step(cell: str, wrong: cells.Step) -> Patch:
    """Another step for a cell of `birnn_lightning.nn.cells`."""
    return attribute(cells, cell, replace(getattr(cells, cell), step=wrong))


def gru(candidate_of: Callable[..., Tensor], new_of: Callable[..., Tensor]) -> cells.Step:
    """A GRU step from its candidate ``(x_n, r, h, h_n, recurrence, act)`` and ``(z, h, n)``."""

    def wrong(
        x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
    ) -> State:
        (h,) = state
        x_r, x_z, x_n = x.chunk(3, dim=-1)
        h_r, h_z, h_n = recurrence(h).chunk(3, dim=-1)
        r, z = gate(x_r + h_r), gate(x_z + h_z)
        return (new_of(z, h, candidate_of(x_n, r, h, h_n, recurrence, act)),)

    return wrong


def candidate(x: Tensor, r: Tensor, h: Tensor, h_n: Tensor, _: Any, act: Activation) -> Tensor:
    """What `cells.gru_step` computes."""
    return act(x + r * h_n)


def candidate_before(
    x: Tensor, r: Tensor, h: Tensor, h_n: Tensor, recurrence: Recurrence, act: Activation
) -> Tensor:
    """Reset before the product."""
    return act(x + recurrence.of_gates(2, 3)(r * h))


def candidate_bias_outside(
    x: Tensor, r: Tensor, h: Tensor, h_n: Tensor, recurrence: Recurrence, act: Activation
) -> Tensor:
    """The recurrent bias is added after the reset."""
    bias = recurrence.of_gates(2, 3).bias
    assert bias is not None
    return act(x + bias + r * (h_n - bias))


def update(z: Tensor, h: Tensor, n: Tensor) -> Tensor:
    """What `cells.gru_step` computes."""
    return z * h + (1 - z) * n


def lstm(c_of: Callable[..., Tensor], h_of: Callable[..., Tensor]) -> cells.Step:
    """An LSTM step from ``c_of(gates, c, act, gate)`` and ``h_of(o, c, act)``."""

    def wrong(
        x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
    ) -> State:
        h, c = state
        *inner, o = (x + recurrence(h)).chunk(4, dim=-1)
        c = c_of(inner, c, act, gate)
        return h_of(gate(o), c, act), c

    return wrong


def memory(gates: list[Tensor], c: Tensor, act: Activation, gate: Activation) -> Tensor:
    """What `cells.lstm_step` computes."""
    i, f, g = gates
    return gate(f) * c + gate(i) * act(g)


def memory_forgetting_less(
    gates: list[Tensor], c: Tensor, act: Activation, gate: Activation
) -> Tensor:
    """TensorFlow 1's ``forget_bias=1``, added at every step."""
    i, f, g = gates
    return memory([i, f + 1, g], c, act, gate)


def memory_coupled(gates: list[Tensor], c: Tensor, act: Activation, gate: Activation) -> Tensor:
    """One gate for both."""
    _, f, g = gates
    return gate(f) * c + (1 - gate(f)) * act(g)


def activations_swapped(right: cells.Step) -> cells.Step:
    """Gates get the activation, and the candidate that of the gates."""
    return lambda x, state, recurrence, act, gate: right(x, state, recurrence, gate, act)


def equations() -> Iterator[tuple[str, str, str, cells.Step]]:
    """Case, name, change and step of mistakes in the equations."""
    inverted = gru(candidate, lambda z, h, n: update(1 - z, h, n))
    yield "gru", "gru update gate inverted", "h' = (1 - z) h + z n", inverted
    before = gru(candidate_before, update)
    yield "gru", "gru reset before the product", "n = act(x_n + (r h) U_n + b_n)", before
    outside = gru(candidate_bias_outside, update)
    yield "gru", "gru bias outside the reset", "n = act(x_n + b_n + r (h U_n))", outside
    after = cells.gru_step
    yield "gru reset before", "gru reset after the product", "n = act(x_n + r (h U_n))", after
    linear = lstm(memory, lambda o, c, act: o * c)
    yield "lstm", "lstm output without tanh", "h' = o c'", linear
    forgetting = lstm(memory_forgetting_less, lambda o, c, act: o * act(c))
    yield "lstm", "lstm forget bias added", "f + 1 in place of f", forgetting
    coupled = lstm(memory_coupled, lambda o, c, act: o * act(c))
    yield "lstm", "lstm gates coupled", "1 - f in place of i", coupled
    swapped = activations_swapped(cells.lstm_step)
    yield "lstm hard_sigmoid", "lstm activations swapped", "gates get the activation", swapped
    swapped = activations_swapped(cells.gru_step)
    yield "gru hard_sigmoid", "gru activations swapped", "gates get the activation", swapped


def steps() -> Iterator[Mutant]:
    """A mutant of each of the `equations`."""
    names = {"lstm": "_LSTM", "gru": "_GRU", "gru reset before": "_GRU_RESET_BEFORE"}
    for cell, name, change, wrong in equations():
        base = cell.removesuffix(" hard_sigmoid")
        case = Choice(cell=cell) if cell == base else Choice(cell=cell, start="initial states")
        if cell == "gru reset before":
            case = Choice(cell=cell, start="initial states")
        yield Mutant(
            name=name,
            change=change,
            case=case.build(),
            patch=step(names[base], wrong),
            says=("forward and backward directions", "The oracle agrees with Keras."),
        )


def functions() -> Iterator[Mutant]:
    """Activations that bear the same name in another version or framework."""
    table: tuple[tuple[str, str, Activation, Choice], ...] = (
        (
            "hard_sigmoid",
            "clip(0.2 x + 0.5, 0, 1), as in Keras 2",
            ACTIVATIONS["hard_sigmoid_keras2"],
            Choice(cell="gru hard_sigmoid", start="initial states"),
        ),
        (
            "sigmoid",
            "Keras 2's hard sigmoid",
            ACTIVATIONS["hard_sigmoid_keras2"],
            Choice(cell="lstm"),
        ),
        ("tanh", "relu", torch.relu, Choice(cell="rnn")),
        ("relu", "tanh", torch.tanh, Choice(cell="rnn relu", start="initial states")),
        ("softsign", "tanh", torch.tanh, Choice(cell="lstm hard_sigmoid", start="initial states")),
        (
            "gelu",
            "the tanh approximation",
            lambda x: gelu(x, approximate="tanh"),
            Choice(cell="rnn", activations={"activation": "gelu"}),
        ),
        (
            "leaky_relu",
            "torch's slope of 0.01",
            leaky_relu,
            Choice(cell="rnn", activations={"activation": "leaky_relu"}),
        ),
    )
    for name, change, wrong, choice in table:
        yield Mutant(
            name=f"{name} is another function",
            change=change,
            case=choice.build(),
            patch=entry(ACTIVATIONS, name, wrong),
            says=("forward and backward directions",),
        )


MUTANTS = (*steps(), *functions())
