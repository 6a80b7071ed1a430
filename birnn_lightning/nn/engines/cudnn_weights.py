"""cuDNN finds a layer's weights in one piece of memory, so that no call has to copy them there."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from birnn_lightning.nn.specs import Recurrent

MODES: dict[tuple[str, str], int] = {
    ("rnn", "relu"): 0,
    ("rnn", "tanh"): 1,
    ("lstm", "tanh"): 2,
    ("gru", "tanh"): 3,
}
"""The numbers of ``cudnnRNNMode_t``, by cell and activation."""

MOST_MOVES = 2
"""After so many moves weights stay: calls for one direction and for both want other orders."""


class _Place(NamedTuple):
    """Where `flatten` left the weights of a direction.

    Attributes:
        addresses: of each.
        together: whether in one buffer with the other direction's.
        moves: how often they were moved there since somebody else moved them.
    """

    addresses: tuple[int, ...]
    together: bool
    moves: int


_places = WeakTensorKeyDictionary()
"""First weight of a direction to its `_Place`."""

_stay: ContextVar[bool] = ContextVar("weights stay where they are", default=False)


@contextmanager
def weights_stay() -> Iterator[None]:
    """Within, `flatten` moves nothing: the weights are others in the memory of a layer's own."""
    token = _stay.set(True)
    try:
        yield
    finally:
        _stay.reset(token)


def flatten(spec: Recurrent, weights: Sequence[Tensor], per_direction: int) -> bool:
    """Moves weights into one buffer in cuDNN's order, unless they are there already.

    The tensors stay the same objects with the same values and shapes; only the memory behind them
    is new, as after `torch.nn.RNNBase.flatten_parameters`. So optimisers, hooks and names go on
    working, and what takes new memory (``.to()``, a deep copy) is flattened when it is next used.
    Does nothing where cuDNN does not run, or may not move the weights: computed ones, views of
    somebody else's buffer, weights in use twice. A layer that is called for one direction at a time
    and for both in turn, as one with masks in some batches alone, gets the order that training asks
    for last, `MOST_MOVES` being enough.

    Args:
        spec: cell and sizes.
        weights: direction by direction ``weight_ih, weight_hh[, bias_ih, bias_hh]``.
        per_direction: how many of them a direction has.

    Returns:
        Whether they are as cuDNN wants them, if it runs; otherwise it copies them in each call.
    """
    first = weights[0]
    if torch.compiler.is_compiling():
        return True
    if not _may_move(weights):
        return not first.is_cuda
    directions = [weights[at : at + per_direction] for at in range(0, len(weights), per_direction)]
    together = len(directions) > 1
    places = [_place(direction) for direction in directions]
    if all(place is not None and place.together == together for place in places):
        return True
    moves = max((place.moves for place in places if place is not None), default=0)
    if moves and (moves >= MOST_MOVES or not torch.is_grad_enabled()):
        return False
    # The first use may be a validation in inference mode, training follows.
    with torch.inference_mode(mode=False), torch.no_grad(), torch.cuda.device_of(first):
        torch._cudnn_rnn_flatten_weight(  # pyright: ignore[reportPrivateImportUsage]
            list(weights),
            per_direction,
            first.shape[1],
            MODES[spec.cell, spec.activation],
            spec.hidden_size,
            0,  # no projection
            1,  # layer
            True,  # batch first
            together,
        )
    for direction in directions:
        _places[direction[0]] = _Place(_addresses(direction), together, moves + 1)
    return True


def unwarned(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that does not warn of weights that are not flat, where nobody can mend it."""

    def call(*arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "RNN module weights are not part of single contiguous"
            )
            return kernel(*arguments)

    return call


def _place(direction: Sequence[Tensor]) -> _Place | None:
    """Where `flatten` left a direction's weights, unless somebody else has moved them since."""
    place = _places.get(direction[0])
    if place is None or place.addresses != _addresses(direction):
        return None
    memories = {weight.untyped_storage().data_ptr() for weight in direction}
    return place if len(memories) == 1 else None


def _addresses(weights: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(weight.data_ptr() for weight in weights)


def _may_move(weights: Sequence[Tensor]) -> bool:
    """Whether cuDNN takes these weights, and nothing else depends on where they are."""
    first = weights[0]
    # torch's own check does not know that cuDNN takes bfloat16.
    kind = torch.float16 if first.dtype == torch.bfloat16 else first.dtype
    return (
        not _stay.get()
        and torch.backends.cudnn.is_acceptable(first.new_empty(0, dtype=kind))
        and not torch.cuda.is_current_stream_capturing()
        and all(
            weight.is_leaf and weight.dtype == first.dtype and weight.device == first.device
            for weight in weights
        )
        and len({weight.data_ptr() for weight in weights}) == len(weights)
    )
