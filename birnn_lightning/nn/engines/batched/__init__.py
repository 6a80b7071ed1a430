"""Plain PyTorch on any device: all directions in one product a step, and a backward pass by hand.

It needs no compiler and serves every cell, mask and dropout. Only valid steps are computed; the
loop runs outside autograd, and what does not depend on the order of time is computed for many steps
at once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear

from birnn_lightning.nn.cells import Weights
from birnn_lightning.nn.cells import cell_of as equations_of
from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.batched.activations import ACROSS_UNITS
from birnn_lightning.nn.engines.batched.cells import cell_of
from birnn_lightning.nn.engines.batched.function import Recurrence
from birnn_lightning.nn.engines.batched.passes import run_forward
from birnn_lightning.nn.engines.batched.plan import Operands, Plan
from birnn_lightning.nn.engines.batched.steps import Steps, steps_of
from birnn_lightning.nn.engines.interface import Direction, Outcome
from birnn_lightning.nn.engines.scan import project
from birnn_lightning.nn.specs import Recurrent


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why the engine cannot run a spec, or None where it can."""
    roles = (
        [spec.activation] if spec.cell == "rnn" else [spec.activation, spec.recurrent_activation]
    )
    for name in roles:
        if name in ACROSS_UNITS:
            return f"the batched engine computes units apart, which activation {name!r} mixes"
    return None


def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings at once, others one by one; see `Engine` for the shapes.

    Computes in float64 where the inputs are, otherwise in float32.
    """
    dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
    alike = len({_settings(direction) for direction in directions}) == 1
    groups = [directions] if alike else [[direction] for direction in directions]
    with without_autocast(inputs.device.type):
        outcomes = [
            outcome
            for group in groups
            for outcome in _run([_of_dtype(one, dtype) for one in group], inputs.to(dtype), mask)
        ]
    return [
        Outcome(sequence.to(inputs.dtype), tuple(state.to(inputs.dtype) for state in states))
        for sequence, states in outcomes
    ]


def _settings(direction: Direction) -> tuple:
    """What directions that run at once have in common."""
    spec, weights, dropout = direction.spec, direction.weights, direction.dropout
    names = (spec.cell, spec.hidden_size, spec.activation, spec.recurrent_activation)
    biases = (weights.bias_ih is None, weights.bias_hh is None)
    return (*names, spec.reset_after, *biases, dropout.state is None)


def _of_dtype(direction: Direction, dtype: torch.dtype) -> Direction:
    def convert(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(dtype)

    return direction._replace(
        weights=Weights(*map(convert, direction.weights)),  # type: ignore[arg-type]
        state=tuple(state.to(dtype) for state in direction.state),
        dropout=type(direction.dropout)(*map(convert, direction.dropout)),
    )


def _run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings."""
    spec = directions[0].spec
    batch, time = inputs.shape[:2]
    backwards = tuple(direction.spec.go_backwards for direction in directions)
    steps = steps_of((batch, time), backwards, mask, inputs.device)
    plan = Plan(
        cell=cell_of(spec),
        steps=steps,
        wants_sequence=any(direction.wants_sequence for direction in directions),
    )
    operands = _operands(directions, inputs, steps)
    anchors = [inputs, *(tensor for one in directions for tensor in (*one.weights, *one.state))]
    if torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (*operands, *anchors)
    ):
        sequence, *finals = Recurrence.apply(plan, *operands, *anchors)
    else:
        (sequence, *finals), _ = run_forward(plan, operands)
    if steps.order is not None:
        inverse = steps.order.argsort()
        finals = [final.index_select(1, inverse) for final in finals]
    return [
        Outcome(sequence[:, :, index], tuple(final[index] for final in finals))
        for index in range(len(directions))
    ]


def _operands(directions: Sequence[Direction], inputs: Tensor, steps: Steps) -> Operands:
    """The tensors of all directions as one."""
    spec, weights = directions[0].spec, [direction.weights for direction in directions]
    gates, hidden = len(equations_of(spec).gates), spec.hidden_size
    bias = None
    if spec.cell == "gru" and spec.reset_after and weights[0].bias_hh is not None:
        bias = torch.stack([one.bias_hh[2 * hidden :] for one in weights])[:, None]  # type: ignore[index]
    tokens = inputs.flatten(0, 1)
    if steps.tokens is not None:
        tokens = tokens.index_select(0, steps.tokens)
    biased = [one._replace(bias_ih=_sum_of_biases(one, bias is not None)) for one in weights]
    projected = _project(directions, tokens, biased, steps)
    factors = [one.dropout.state for one in directions if one.dropout.state is not None]
    states = [torch.stack(parts) for parts in zip(*(one.state for one in directions), strict=True)]
    if steps.order is not None:
        states = [state.index_select(1, steps.order) for state in states]
    return Operands(
        projected,
        torch.stack([one.weight_hh for one in weights]).view(-1, gates, hidden, hidden),
        bias,
        torch.stack(factors) if factors else None,
        states[0],
        states[1] if len(states) == 2 else None,
    )


def _sum_of_biases(weights: Weights, but_last: bool) -> Tensor | None:
    """``b_ih + b_hh``, perhaps without the last gate's ``b_hh``."""
    if weights.bias_ih is None or weights.bias_hh is None:
        return weights.bias_ih if weights.bias_hh is None else weights.bias_hh
    bias_hh, hidden = weights.bias_hh, weights.weight_hh.shape[1]
    if but_last:
        bias_hh = torch.cat([bias_hh[:-hidden], torch.zeros_like(bias_hh[-hidden:])])
    return weights.bias_ih + bias_hh


def _project(
    directions: Sequence[Direction], tokens: Tensor, weights: Sequence[Weights], steps: Steps
) -> Tensor:
    """``x W + b`` of all directions, ``(tokens, direction * gate * hidden)``."""
    dropped = [direction.dropout.inputs for direction in directions]
    if all(factor is None for factor in dropped):
        biases = [one.bias_ih for one in weights if one.bias_ih is not None]
        return linear(
            tokens,
            torch.cat([one.weight_ih for one in weights]),
            torch.cat(biases) if biases else None,
        )
    parts = [
        project(tokens[:, None], one, None if factor is None else factor[steps.row_of_token])
        for factor, one in zip(dropped, weights, strict=True)
    ]
    return torch.cat(parts, dim=-1)[:, 0]
