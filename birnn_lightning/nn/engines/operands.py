"""The tensors of directions with equal settings as one, for engines that run them at once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from birnn_lightning.nn.cells import Weights, cell_of
from birnn_lightning.nn.concatenation import stacked
from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.interface import Direction, Engine, Outcome
from birnn_lightning.nn.engines.scan import project


class TokenSteps(Protocol):
    """What the operands need of an engine's steps.

    Attributes:
        order: ``(batch,)``: the batch's row at each place; None where rows stay.
        tokens: ``(tokens,)``: each token's place ``row * time + step``; None where all are valid.
        row_of_token: ``(tokens,)``: the batch's row of each token.
    """

    @property
    def order(self) -> Tensor | None: ...  # noqa: D102 - above

    @property
    def tokens(self) -> Tensor | None: ...  # noqa: D102 - above

    @property
    def row_of_token(self) -> Tensor: ...  # noqa: D102 - above


class Operands(NamedTuple):
    """The tensors that enter a recurrence.

    Attributes:
        projected: ``(tokens, direction * gate * hidden)``: ``x W`` and every bias but the next.
        weight: ``(direction, gate, hidden, hidden)``, gates in torch's order.
        bias: ``(direction, 1, hidden)``: the GRU's ``b_n`` inside its reset gate, or None.
        factor: ``(direction, batch, gate, hidden)``: dropout of the state, or None.
        h: the initial state ``(direction, rows, hidden)``, rows by length.
        memory: of the LSTM, as ``h``; None of other cells.
    """

    projected: Tensor
    weight: Tensor
    bias: Tensor | None
    factor: Tensor | None
    h: Tensor
    memory: Tensor | None


def run_alike(
    run: Engine, directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None
) -> list[Outcome]:
    """Runs directions of equal settings at once, others one by one, in one precision.

    Args:
        run: computes directions of equal settings.
        directions: in float64 where the inputs are, otherwise computed in float32.
        inputs: see `Engine`.
        mask: see `Engine`.
    """
    dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
    alike = len({_settings(direction) for direction in directions}) == 1
    groups = [directions] if alike else [[direction] for direction in directions]
    with without_autocast(inputs.device.type):
        outcomes = [
            outcome
            for group in groups
            for outcome in run([_of_dtype(one, dtype) for one in group], inputs.to(dtype), mask)
        ]
    return [
        Outcome(sequence.to(inputs.dtype), tuple(state.to(inputs.dtype) for state in states))
        for sequence, states in outcomes
    ]


def needs_gradient(*groups: Iterable[Tensor | None]) -> bool:
    """Whether autograd must know what is computed from these tensors."""
    return torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for group in groups for tensor in group
    )


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


def operands_of(directions: Sequence[Direction], inputs: Tensor, steps: TokenSteps) -> Operands:
    """The tensors of directions with equal settings as one."""
    spec, weights = directions[0].spec, [direction.weights for direction in directions]
    gates, hidden = len(cell_of(spec).gates), spec.hidden_size
    bias = None
    if spec.cell == "gru" and spec.reset_after and weights[0].bias_hh is not None:
        bias = torch.stack([one.bias_hh[2 * hidden :] for one in weights])[:, None]  # type: ignore[index]
    tokens = inputs.flatten(0, 1)
    if steps.tokens is not None:
        tokens = tokens.index_select(0, steps.tokens)
    biased = [one._replace(bias_ih=_sum_of_biases(one, bias is not None)) for one in weights]
    projected = _project(directions, tokens, biased, steps)
    factors = [one.dropout.state for one in directions if one.dropout.state is not None]
    states = [stacked(parts) for parts in zip(*(one.state for one in directions), strict=True)]
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
    directions: Sequence[Direction], tokens: Tensor, weights: Sequence[Weights], steps: TokenSteps
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
