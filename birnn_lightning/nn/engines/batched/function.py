"""The recurrence under autograd."""

from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.batched.passes import run_backward, run_forward, weight_gradient
from birnn_lightning.nn.engines.batched.plan import Buffers, Plan
from birnn_lightning.nn.engines.differentiation import once_differentiable
from birnn_lightning.nn.engines.operands import Operands


class Recurrence(torch.autograd.Function):
    """``apply(plan, *operands, *anchors)`` to the outputs of `run_forward`.

    The anchors are the tensors from which the operands come: through them a second derivative finds
    the way to its refusal.
    """

    @staticmethod
    def forward(ctx: Any, plan: Plan, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """Keeps what the way back needs."""
        operands = Operands(*tensors[: len(Operands._fields)])  # type: ignore[arg-type]
        outputs, buffers = run_forward(plan, operands)
        ctx.plan = plan
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[1:], buffers.h, buffers.extra, *buffers.flats)
        ctx.count = len(tensors) - 1
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of all tensors that want one."""
        saved = ctx.saved_tensors  # which checkpoints allow to be read once
        given, kept = saved[: ctx.count], saved[ctx.count :]
        size = len(Operands._fields)
        h, extra, *flats = kept
        operands = Operands(h, *given[: size - 1])
        buffers, wanted = Buffers(h, extra, flats), Operands(*ctx.needs_input_grad[1 : 1 + size])
        weight = bias = None
        with torch.no_grad(), without_autocast(h.device.type):
            found = run_backward(ctx.plan, operands, buffers, outputs)
            if wanted.weight:
                weight = weight_gradient(ctx.plan, operands, buffers, found)
            if wanted.bias:
                bias = found.seen.view(-1, len(operands.h), h.shape[1]).sum(0)[:, None]
        states = (*found.states, None)[:2]
        gradients = (found.gates.flatten(1), weight, bias, None, *states)
        gradients = once_differentiable("engine 'batched'", gradients, (*outputs, *given))
        return (None, *gradients, *(None for _ in given[size - 1 :]))
