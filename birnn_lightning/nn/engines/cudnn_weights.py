"""cuDNN finds a layer's weights in one piece of memory, so that no call has to copy them there."""

from collections.abc import Sequence

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

_addresses = WeakTensorKeyDictionary()
"""First weight of a call to the addresses at which `flatten` left all of the call's weights."""


def flatten(spec: Recurrent, weights: Sequence[Tensor], per_direction: int) -> None:
    """Moves weights into one buffer in cuDNN's order, unless they are there already.

    The tensors stay the same objects with the same values and shapes; only the memory behind them
    is new, as after `torch.nn.RNNBase.flatten_parameters`. So optimisers, hooks and names go on
    working, and what takes new memory (``.to()``, a deep copy) is flattened when it is next used.
    Does nothing where cuDNN does not run, or may not move the weights: computed ones, views of
    somebody else's buffer, weights in use twice.

    Args:
        spec: cell and sizes.
        weights: direction by direction ``weight_ih, weight_hh[, bias_ih, bias_hh]``.
        per_direction: how many of them a direction has.
    """
    first = weights[0]
    if not _may_move(weights):
        return
    addresses = tuple(weight.data_ptr() for weight in weights)
    memories = {weight.untyped_storage().data_ptr() for weight in weights}
    if len(memories) == 1 and _addresses.get(first) == addresses:
        return
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
            len(weights) > per_direction,
        )
    _addresses[first] = tuple(weight.data_ptr() for weight in weights)


def _may_move(weights: Sequence[Tensor]) -> bool:
    """Whether cuDNN takes these weights, and nothing else depends on where they are."""
    first = weights[0]
    return (
        torch.backends.cudnn.is_acceptable(first)
        and not torch.compiler.is_compiling()
        and not torch.cuda.is_current_stream_capturing()
        and all(
            weight.is_leaf and weight.dtype == first.dtype and weight.device == first.device
            for weight in weights
        )
        and len({weight.data_ptr() for weight in weights}) == len(weights)
    )
