"""What a cell is: its gates, its states, and one step as equations.

Gate letters stand in torch's order, which is the order of the blocks in every weight: ``h`` for the
plain RNN; ``i f g o`` for the LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et
al. 2000); ``r z n`` for the GRU (Cho et al. 2014).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from birnn_lightning.nn.activations import ACTIVATIONS, Activation
from birnn_lightning.nn.specs import CellName, Recurrent

State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """One direction's parameters, each gate a block of ``hidden`` rows.

    Attributes:
        weight_ih: ``(gate * hidden, input_size)``.
        weight_hh: ``(gate * hidden, hidden)``.
        bias_ih: ``(gate * hidden,)``, or None.
        bias_hh: ``(gate * hidden,)``, or None; zeros where the cell trains one bias.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None


class Recurrence(NamedTuple):
    """The recurrent product ``h U + b``, and which features of the state it does not see.

    Attributes:
        weight: ``(gate * hidden, hidden)``.
        bias: ``(gate * hidden,)``, or None.
        factor: ``(batch, gate, hidden)`` dropout factor of the state on its way into each gate, or
            None; the same at every step (Gal & Ghahramani 2016).
    """

    weight: Tensor
    bias: Tensor | None
    factor: Tensor | None = None

    def __call__(self, h: Tensor) -> Tensor:
        """``(batch, hidden)`` to ``(batch, gate * hidden)``."""
        hidden = h.shape[-1]
        if self.factor is None:
            return linear(h, self.weight, self.bias)
        weight = self.weight.view(-1, hidden, hidden)
        product = torch.einsum("bgh,gkh->bgk", h[:, None] * self.factor, weight).flatten(1)
        return product if self.bias is None else product + self.bias

    def of_gates(self, first: int, end: int) -> "Recurrence":
        """The product for the gates from ``first`` up to ``end`` alone."""
        hidden = self.weight.shape[-1]
        rows = slice(first * hidden, end * hidden)
        return Recurrence(
            self.weight[rows],
            None if self.bias is None else self.bias[rows],
            None if self.factor is None else self.factor[:, first:end],
        )


Step = Callable[[Tensor, State, Recurrence, Activation, Activation], State]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A kind of cell.

    Attributes:
        gates: one letter a gate, in the order of the weight blocks.
        step: ``(projected input, state, recurrence, activation, recurrent activation) -> state``,
            where the projected input ``(batch, gate * hidden)`` is ``x W + b`` of all gates. The
            first state is the output.
        trains_bias_hh: whether the recurrent bias is a parameter, or zeros that stay.
    """

    gates: str
    step: Step
    trains_bias_hh: bool


def rnn_step(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, _: Activation
) -> State:
    """``h' = act(x W + b + h U)``."""
    (h,) = state
    return (act(x + recurrence(h)),)


def lstm_step(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """``c' = f c + i g``, ``h' = o act(c')``."""
    h, c = state
    i, f, g, o = (x + recurrence(h)).chunk(4, dim=-1)
    c = gate(f) * c + gate(i) * act(g)
    return gate(o) * act(c), c


def gru_step(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """``n = act(x_n + r (h U_n + b_n))``, ``h' = z h + (1 - z) n``."""
    (h,) = state
    x_r, x_z, x_n = x.chunk(3, dim=-1)
    h_r, h_z, h_n = recurrence(h).chunk(3, dim=-1)
    z = gate(x_z + h_z)
    n = act(x_n + gate(x_r + h_r) * h_n)
    return (z * h + (1 - z) * n,)


def gru_reset_before_step(
    x: Tensor, state: State, recurrence: Recurrence, act: Activation, gate: Activation
) -> State:
    """``n = act(x_n + (r h) U_n)``, ``h' = z h + (1 - z) n``: the GRU as first published."""
    (h,) = state
    x_r, x_z, x_n = x.chunk(3, dim=-1)
    h_r, h_z = recurrence.of_gates(0, 2)(h).chunk(2, dim=-1)
    r, z = gate(x_r + h_r), gate(x_z + h_z)
    n = act(x_n + recurrence.of_gates(2, 3)(r * h))
    return (z * h + (1 - z) * n,)


KERAS_GATES: dict[CellName, str] = {"rnn": "h", "lstm": "ifgo", "gru": "zrn"}
"""Gate blocks in Keras's order, in our letters (Keras calls the LSTM's ``g`` ``c``)."""

_RNN = Cell(gates="h", step=rnn_step, trains_bias_hh=False)
_LSTM = Cell(gates="ifgo", step=lstm_step, trains_bias_hh=False)
_GRU = Cell(gates="rzn", step=gru_step, trains_bias_hh=True)
_GRU_RESET_BEFORE = Cell(gates="rzn", step=gru_reset_before_step, trains_bias_hh=False)


def cell_of(spec: Recurrent) -> Cell:
    """The cell that a spec asks for."""
    if spec.cell == "gru":
        return _GRU if spec.reset_after else _GRU_RESET_BEFORE
    return {"rnn": _RNN, "lstm": _LSTM}[spec.cell]


def activations_of(spec: Recurrent) -> tuple[Activation, Activation]:
    """The spec's ``(activation, recurrent_activation)`` as functions."""
    return ACTIVATIONS[spec.activation], ACTIVATIONS[spec.recurrent_activation]
