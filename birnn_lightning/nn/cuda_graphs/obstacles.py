"""Why passes cannot be recorded, so that a replay would not be what the model does."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules.module import _has_any_global_hook as module_hooks

from birnn_lightning.nn.layers import Custom, Embedding, Masking
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.model import SequenceModel
from birnn_lightning.nn.recurrent import RecurrentLayer


def runs_on_gpu(tensors: Sequence[Tensor]) -> bool:
    """Whether they are on a GPU, and nobody records what it does already."""
    return all(one.is_cuda for one in tensors) and not torch.cuda.is_current_stream_capturing()


def is_observed() -> bool:
    """Whether somebody watches every operation, whom a replay would pass by.

    That is `torch.compile`, `torch.func`, forward mode, a counter of operations, checkpoints and
    offloading of what the way back needs, the second forward pass of a checkpoint, and hooks of
    every module.
    """
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(False)  # pyright: ignore[reportAttributeAccessIssue]
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack() > 0
        or hooks is not None
        or torch._C._current_graph_task_id() != -1
        or forward_ad._current_level >= 0
        or bool(module_hooks())
    )


def obstacle(model: SequenceModel, inputs: Sequence[Masked]) -> str | None:
    """Why a model's passes over such inputs cannot be recorded, or None; it has run before."""
    if model.activity_losses.terms:
        return "penalties of outputs leave the model beside its outputs"
    if len(model.spec.outputs) > 1 and torch.is_grad_enabled():
        return "a loss may leave out some of several outputs, and with them gradients"
    layers = list(model.modules())
    masked = any(one.mask is not None for one in inputs) or any(
        isinstance(one, Masking) or (isinstance(one, Embedding) and one.mask_zero) for one in layers
    )
    for layer in layers:
        reason = _obstacle_of(layer, masked)
        if reason:
            return reason
    return None


def _obstacle_of(layer: nn.Module, masked: bool) -> str | None:
    """Why a layer cannot be recorded, or None."""
    if has_hooks(layer):
        return f"a {type(layer).__name__} has hooks, which a replay would not call"
    if getattr(layer, "noise", None) is not None:
        return "a layer's noise is given, not drawn on the GPU"
    if isinstance(layer, Custom):
        return "a custom layer may do more than launch work on the GPU"
    if isinstance(layer, Embedding) and layer.sparse_gradients:
        return "an Embedding's gradients are sparse, of a size that the batch decides"
    if isinstance(layer, RecurrentLayer) and masked:
        return layer.waits()
    return None


def has_hooks(layer: nn.Module) -> bool:
    """Whether somebody wants to know when it runs."""
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
    )
