"""The recurrences once more, in NumPy and float64, one row and one step at a time."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from birnn_lightning.nn.engines import Direction

Array = np.ndarray
Function = Callable[[Array], Array]
Step = Callable[[Array, Sequence[Array], dict[str, Array], Function, Function], tuple[Array, ...]]


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def log_softmax(x: Array) -> Array:
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def selu(x: Array) -> Array:
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


FORMULAS: dict[str, Function] = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": selu,
    "gelu": lambda x: x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "silu": lambda x: x * sigmoid(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
    "softmax": softmax,
    "log_softmax": log_softmax,
}


def rnn(x, state, w, act, _):
    (h,) = state
    return (act(w["ih"] @ x + w["b_ih"] + w["hh"] @ h + w["b_hh"]),)


def lstm(x, state, w, act, gate):
    h, c = state
    i, f, g, o = np.split(w["ih"] @ x + w["b_ih"] + w["hh"] @ h + w["b_hh"], 4)
    c = gate(f) * c + gate(i) * act(g)
    return gate(o) * act(c), c


def gru(x, state, w, act, gate):
    (h,) = state
    x_r, x_z, x_n = np.split(w["ih"] @ x + w["b_ih"], 3)
    h_r, h_z, h_n = np.split(w["hh"] @ h + w["b_hh"], 3)
    z = gate(x_z + h_z)
    n = act(x_n + gate(x_r + h_r) * h_n)
    return (z * h + (1 - z) * n,)


def gru_reset_before(x, state, w, act, gate):
    (h,) = state
    x_r, x_z, x_n = np.split(w["ih"] @ x + w["b_ih"], 3)
    u_r, u_z, u_n = np.split(w["hh"], 3)
    r, z = gate(x_r + u_r @ h), gate(x_z + u_z @ h)
    n = act(x_n + u_n @ (r * h))
    return (z * h + (1 - z) * n,)


def step_of(cell: str, reset_after: bool) -> Step:
    steps: dict[str, Step] = {"rnn": rnn, "lstm": lstm, "gru": gru}
    return gru_reset_before if cell == "gru" and not reset_after else steps[cell]


def run(direction: Direction, inputs: Array, mask: Array | None) -> tuple[Array, tuple[Array, ...]]:
    """One direction's ``(sequence, final state)``; a masked step gives 0 and keeps the state."""
    spec, weights, initial = direction
    rows = len(weights.weight_ih)
    w = {
        "ih": weights.weight_ih.detach().numpy(),
        "hh": weights.weight_hh.detach().numpy(),
        "b_ih": np.zeros(rows) if weights.bias_ih is None else weights.bias_ih.detach().numpy(),
        "b_hh": np.zeros(rows) if weights.bias_hh is None else weights.bias_hh.detach().numpy(),
    }
    act, gate = FORMULAS[spec.activation], FORMULAS[spec.recurrent_activation]
    step = step_of(spec.cell, spec.reset_after)
    batch, time, _ = inputs.shape
    sequence = np.zeros((batch, time, spec.hidden_size))
    finals = []
    for row in range(batch):
        state = tuple(one[row].detach().numpy() for one in initial)
        for at in range(time - 1, -1, -1) if spec.go_backwards else range(time):
            if mask is None or mask[row, at]:
                state = step(inputs[row, at], state, w, act, gate)
                sequence[row, at] = state[0]
        finals.append(state)
    return sequence, tuple(np.stack(parts) for parts in zip(*finals, strict=True))
