"""What two batches must have in common for a recording of one to serve the other."""

from collections.abc import Hashable, Sequence

import torch
from torch import nn

from birnn_lightning.nn.cuda_graphs.obstacles import has_hooks
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.model import SequenceModel
from birnn_lightning.nn.recurrent import RecurrentLayer


def identified(model: SequenceModel) -> list[object]:
    """What `state_of` tells by its identity: modules, their specs, and parameters."""
    modules = list(model.modules())
    return [*modules, *(getattr(one, "spec", None) for one in modules), *model.parameters()]


def state_of(model: SequenceModel) -> tuple[Hashable, Hashable, list[RecurrentLayer]]:
    """Where the model's tensors are; what of its parts decides what they launch; stateful layers.

    Every call asks, so this goes the short way through `torch.nn.Module`.
    """
    memory: list[int] = []
    parts: list[Hashable] = []
    stateful: list[RecurrentLayer] = []
    waiting: list[nn.Module] = [model]
    for module in waiting:
        waiting += [one for one in module._modules.values() if one is not None]
        state = module.__dict__
        settings = (state.get("requested_engine"), state.get("sparse_gradients"))
        asked = (has_hooks(module), state.get("noise") is not None)
        parts.append((id(module), id(state.get("spec")), module.training, settings, asked))
        if isinstance(module, RecurrentLayer) and module.is_stateful:
            stateful.append(module)
            states = module.states or ()
            parts.append(tuple((one.shape, one.dtype, one.requires_grad) for one in states))
        for parameter in module._parameters.values():
            if parameter is not None:
                memory.append(parameter.data_ptr())
                parts.append((id(parameter), parameter.requires_grad))
        memory += [one.data_ptr() for one in module._buffers.values() if one is not None]
    return tuple(memory), tuple(parts), stateful


def kind_of(inputs: Sequence[Masked]) -> Hashable:
    """What the inputs must have in common; None where there is no mask."""
    return tuple(
        None if part is None else (part.shape, part.stride(), part.dtype, part.requires_grad)
        for one in inputs
        for part in one
    )


def modes() -> Hashable:
    """The switches of torch that decide what is launched."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda"),
        torch.backends.cudnn.rnn.fp32_precision,  # pyright: ignore[reportAttributeAccessIssue]
        torch.backends.cudnn.conv.fp32_precision,  # pyright: ignore[reportAttributeAccessIssue]
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.cudnn.enabled,
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
        torch.are_deterministic_algorithms_enabled(),
    )
