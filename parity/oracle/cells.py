"""One step of every cell as its equation, in NumPy, with weights as Keras lays them out.

Row vectors multiply from the left, ``x W``. Letters are those of the equations: Keras calls the
LSTM's ``g`` ``c`` and the GRU's ``n`` ``h``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from birnn_lightning.nn.specs import Recurrent
from parity.oracle.activations import FORMULAS

Array = np.ndarray
ByGate = Mapping[str, Array]
Factor = Array | ByGate | None
"""What dropout multiplies with, ``(batch, feature)``: for all gates, for each, or not at all."""

GATES = {"rnn": "h", "lstm": "ifgo", "gru": "zrn"}
STATE_COUNTS = {"rnn": 1, "lstm": 2, "gru": 1}


@dataclass(frozen=True, kw_only=True)
class OracleCell:
    """A cell with its weights by gate.

    Attributes:
        kernel: W, ``(feature, hidden)`` each.
        recurrent_kernel: U, ``(hidden, hidden)`` each.
        bias: b, ``(hidden,)`` each, zeros without a bias.
        recurrent_bias: d, ``(hidden,)`` each; zeros but for a GRU with ``reset_after``.
        activation: of the candidate and the output, ``act`` in the equations.
        recurrent_activation: of the gates.
        input_factor: what every step's input is multiplied with on the way to the gates.
        recurrent_factor: what the state is multiplied with on the way to the gates.
        step: ``(cell, x by gate, h by gate, state) -> state``, the output first.
        hidden_size: features of each state.
        state_count: how many states there are.
    """

    kernel: ByGate
    recurrent_kernel: ByGate
    bias: ByGate
    recurrent_bias: ByGate
    activation: Callable[[Array], Array]
    recurrent_activation: Callable[[Array], Array]
    input_factor: Factor
    recurrent_factor: Factor
    step: "Step"
    hidden_size: int
    state_count: int

    def __call__(self, x: Array, state: Sequence[Array]) -> tuple[Array, ...]:
        """The states ``(batch, hidden)`` after the input ``(batch, feature)``."""
        gates = tuple(self.kernel)
        dropped_x = _times(x, self.input_factor, gates)
        dropped_h = _times(state[0], self.recurrent_factor, gates)
        return self.step(self, dropped_x, dropped_h, tuple(state))


Step = Callable[[OracleCell, ByGate, ByGate, tuple[Array, ...]], tuple[Array, ...]]


def _times(values: Array, factor: Factor, gates: Sequence[str]) -> ByGate:
    if factor is None:
        return dict.fromkeys(gates, values)
    if isinstance(factor, Mapping):
        return {gate: values * factor[gate] for gate in gates}
    return dict.fromkeys(gates, values * factor)


def rnn_step(cell: OracleCell, x: ByGate, h: ByGate, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """``h' = act(x W + h U + b)``."""
    w, u, b, act = cell.kernel, cell.recurrent_kernel, cell.bias, cell.activation
    return (act(x["h"] @ w["h"] + h["h"] @ u["h"] + b["h"]),)


def lstm_step(
    cell: OracleCell, x: ByGate, h: ByGate, state: tuple[Array, ...]
) -> tuple[Array, ...]:
    """``c' = f c + i g`` and ``h' = o act(c')``; dropout never touches ``c``."""
    w, u, b = cell.kernel, cell.recurrent_kernel, cell.bias
    act, gate = cell.activation, cell.recurrent_activation
    _, c = state
    i = gate(x["i"] @ w["i"] + h["i"] @ u["i"] + b["i"])
    f = gate(x["f"] @ w["f"] + h["f"] @ u["f"] + b["f"])
    g = act(x["g"] @ w["g"] + h["g"] @ u["g"] + b["g"])
    o = gate(x["o"] @ w["o"] + h["o"] @ u["o"] + b["o"])
    c = f * c + i * g
    return o * act(c), c


def gru_step(cell: OracleCell, x: ByGate, h: ByGate, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """``n = act(x W_n + b_n + r (h U_n + d_n))``, ``h' = z h + (1 - z) n`` with h undropped."""
    w, u, b, d = cell.kernel, cell.recurrent_kernel, cell.bias, cell.recurrent_bias
    act, gate = cell.activation, cell.recurrent_activation
    z = gate(x["z"] @ w["z"] + b["z"] + h["z"] @ u["z"] + d["z"])
    r = gate(x["r"] @ w["r"] + b["r"] + h["r"] @ u["r"] + d["r"])
    n = act(x["n"] @ w["n"] + b["n"] + r * (h["n"] @ u["n"] + d["n"]))
    return (z * state[0] + (1 - z) * n,)


def gru_reset_before_step(
    cell: OracleCell, x: ByGate, h: ByGate, state: tuple[Array, ...]
) -> tuple[Array, ...]:
    """``n = act(x W_n + b_n + (r h) U_n)``, ``h' = z h + (1 - z) n`` with h undropped."""
    w, u, b = cell.kernel, cell.recurrent_kernel, cell.bias
    act, gate = cell.activation, cell.recurrent_activation
    z = gate(x["z"] @ w["z"] + b["z"] + h["z"] @ u["z"])
    r = gate(x["r"] @ w["r"] + b["r"] + h["r"] @ u["r"])
    n = act(x["n"] @ w["n"] + b["n"] + (r * h["n"]) @ u["n"])
    return (z * state[0] + (1 - z) * n,)


def oracle_cell(
    spec: Recurrent, arrays: Mapping[str, Array], path: str, factors: Mapping[str, Factor]
) -> OracleCell:
    """A cell from Keras's arrays.

    Args:
        spec: the cell; what it says of sequences, states and time is the caller's business.
        arrays: by path, e.g. ``cell/kernel (feature, gate * hidden)``.
        path: where the cell's arrays lie, e.g. ``cell``.
        factors: perhaps ``inputs`` and ``recurrent``.
    """
    gates = GATES[spec.cell]
    two_biases = spec.cell == "gru" and spec.reset_after
    zeros = np.zeros(len(gates) * spec.hidden_size)
    bias, recurrent_bias = zeros, zeros
    if spec.use_bias and two_biases:
        bias, recurrent_bias = arrays[f"{path}/bias"]
    elif spec.use_bias:
        bias = arrays[f"{path}/bias"]
    steps: dict[str, Step] = {"rnn": rnn_step, "lstm": lstm_step, "gru": gru_step}
    reset_before = spec.cell == "gru" and not spec.reset_after
    return OracleCell(
        kernel=_by_gate(arrays[f"{path}/kernel"], gates),
        recurrent_kernel=_by_gate(arrays[f"{path}/recurrent_kernel"], gates),
        bias=_by_gate(bias, gates),
        recurrent_bias=_by_gate(recurrent_bias, gates),
        activation=FORMULAS[spec.activation],
        recurrent_activation=FORMULAS[spec.recurrent_activation],
        input_factor=factors.get("inputs"),
        recurrent_factor=factors.get("recurrent"),
        step=gru_reset_before_step if reset_before else steps[spec.cell],
        hidden_size=spec.hidden_size,
        state_count=STATE_COUNTS[spec.cell],
    )


def _by_gate(array: Array, gates: str) -> ByGate:
    """The blocks of the last axis."""
    return dict(zip(gates, np.split(array, len(gates), axis=-1), strict=True))
