"""The kernels under autograd."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from triton.runtime.errors import OutOfResources

from birnn_lightning.nn.cells import cell_of
from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.differentiation import once_differentiable
from birnn_lightning.nn.engines.operands import Operands
from birnn_lightning.nn.engines.triton import kernels
from birnn_lightning.nn.engines.triton.tokens import Tokens
from birnn_lightning.nn.specs import STATES, Recurrent

ROWS = 16
"""Rows of a program: the fewest that a product of matrices takes."""
WARPS = 16
"""Of a program: with fewer, the recurrent matrices do not fit its registers."""
SAVED = {"rnn": 0, "lstm": 5, "gru": 4}
"""Values of a unit and token that the way back needs beside states."""


@dataclass(frozen=True)
class Run:
    """What is computed.

    Attributes:
        spec: of every direction.
        tokens: of the batch.
        backwards: of each direction, whether it starts from the end.
    """

    spec: Recurrent
    tokens: Tokens
    backwards: tuple[bool, ...]

    @property
    def cell(self) -> str:
        """The kernels' name of the cell."""
        before = self.spec.cell == "gru" and not self.spec.reset_after
        return "gru reset before" if before else self.spec.cell

    @property
    def sums(self) -> int:
        """Sums of a unit that have gradients: the GRU's candidate has two, of input and state."""
        return len(cell_of(self.spec).gates) + (self.cell == "gru")

    def launch(self, kernel: Any, operands: Operands, *tensors: Tensor | None) -> None:
        """Runs a kernel: a program for each tile of rows and direction.

        Args:
            kernel: `kernels.forward` or `kernels.backward`.
            operands: of the recurrence; what is None is not read.
            tensors: the kernel's others.

        Raises:
            RuntimeError: the GPU's shared memory is too small for the weights.
        """
        directions, rows, hidden = operands.h.shape
        h = operands.h
        backwards = torch.tensor(self.backwards, dtype=torch.int32, device=h.device)
        arguments = (
            *(h if one is None else one.contiguous() for one in operands),
            *(h if one is None else one for one in tensors),
            self.tokens.starts,
            self.tokens.lengths,
            backwards,
            rows,
            directions,
        )
        if not rows:
            return
        try:
            with torch.cuda.device_of(h):
                kernel[(triton.cdiv(rows, ROWS), directions)](
                    *arguments, **self.constants(operands), num_warps=WARPS
                )
        except OutOfResources as error:
            raise RuntimeError(
                f"engine 'triton' needs {error.required} bytes of shared memory for {hidden} units "
                f"in {h.dtype}; this GPU has {error.limit}. Use engine 'batched'."
            ) from error

    def constants(self, operands: Operands) -> dict[str, Any]:
        """What a kernel is compiled for."""
        gates, hidden = operands.weight.shape[1:3]
        return {
            "CELL": self.cell,
            "ACT": self.spec.activation,
            "GATE": self.spec.recurrent_activation,
            "HIDDEN": hidden,
            "WIDTH": max(triton.next_power_of_2(hidden), ROWS),
            "ROWS": ROWS,
            "GATES": gates,
            "SUMS": self.sums,
            "SAVED": SAVED[self.spec.cell],
            "HAS_BIAS": operands.bias is not None,
            "HAS_FACTOR": operands.factor is not None,
            "PRECISION": "tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee",
        }


class Kept(NamedTuple):
    """What the way back needs.

    Attributes:
        outputs: ``(tokens, direction, hidden)``.
        previous: as ``outputs``: the state before each token.
        saved: ``(tokens, direction, value, hidden)``; LSTM: i f g o and the memory before; GRU:
            r z n and ``h U_n + b_n`` or, with the reset gate first, what ``U_n`` saw.
    """

    outputs: Tensor
    previous: Tensor
    saved: Tensor


def run_forward(run: Run, operands: Operands) -> tuple[Kept, list[Tensor]]:
    """What is kept, and the final states ``(direction, rows, hidden)``."""
    h, tokens = operands.h, len(operands.projected)
    directions, _, hidden = h.shape
    outputs, previous = (h.new_empty(tokens, directions, hidden) for _ in range(2))
    kept = Kept(outputs, previous, h.new_empty(tokens, directions, SAVED[run.spec.cell], hidden))
    finals = [torch.empty_like(h) for _ in STATES[run.spec.cell]]
    run.launch(kernels.forward, operands, *kept, finals[0], finals[-1])
    return kept, finals


class Recurrence(torch.autograd.Function):
    """``apply(run, *operands, *anchors)`` to outputs by token, final h, final memory.

    The anchors are the tensors from which the operands come: through them a second derivative finds
    the way to its refusal.
    """

    @staticmethod
    def forward(ctx: Any, run: Run, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """Keeps what the way back needs."""
        operands = Operands(*tensors[: len(Operands._fields)])  # type: ignore[arg-type]
        kept, finals = run_forward(run, operands)
        ctx.run = run
        ctx.count = len(tensors) - 1
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[1:], *kept)
        return (kept.outputs, *finals)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of all tensors that want one."""
        saved = ctx.saved_tensors  # which checkpoints allow to be read once
        given, kept = saved[: ctx.count], Kept(*saved[ctx.count :])
        size = len(Operands._fields)
        operands = Operands(kept.previous, *given[: size - 1])
        with torch.no_grad(), without_autocast(kept.outputs.device.type):
            gradients = run_backward(ctx.run, operands, kept, outputs)
        gradients = once_differentiable("triton", gradients, (*outputs, *given))
        return (None, *gradients, *(None for _ in given[size - 1 :]))


def run_backward(
    run: Run, operands: Operands, kept: Kept, outputs: tuple[Tensor | None, ...]
) -> Operands:
    """The gradients of the operands from those of the outputs; reads no projection."""
    directions, _, hidden = operands.h.shape
    of_outputs = torch.zeros_like(kept.outputs) if outputs[0] is None else outputs[0].contiguous()
    states = [one for one in (operands.h, operands.memory) if one is not None]
    of_finals = [
        torch.zeros_like(state) if one is None else one.contiguous()
        for one, state in zip(outputs[1:], states, strict=True)
    ]
    of_states = [torch.empty_like(state) for state in states]
    of_sums = kept.outputs.new_empty(len(kept.outputs), directions, run.sums, hidden)
    run.launch(
        kernels.backward, operands, *kept, of_outputs, of_sums,
        of_finals[0], of_finals[-1], of_states[0], of_states[-1],
    )  # fmt: skip
    gates = operands.weight.shape[1]
    of_bias = None
    if operands.bias is not None:
        of_bias = of_sums[:, :, -1].sum(0)[:, None]
    return Operands(
        of_sums[:, :, :gates].flatten(1),
        _weight_gradient(run, operands, kept, of_sums),
        of_bias,
        None,
        of_states[0],
        of_states[1] if operands.memory is not None else None,
    )


def _weight_gradient(run: Run, operands: Operands, kept: Kept, of_sums: Tensor) -> Tensor:
    """Of each gate its sums' gradients, times what it saw of the state."""
    weight = torch.empty_like(operands.weight)
    gates = list(range(weight.shape[1]))
    sums = [3 if run.cell == "gru" and gate == 2 else gate for gate in gates]
    rows = None if operands.factor is None else run.tokens.place_of_token
    for direction in range(len(weight)):
        for gate in gates:
            seen = kept.previous[:, direction]
            if run.cell == "gru reset before" and gate == 2:
                seen = kept.saved[:, direction, 3]
            elif operands.factor is not None:
                seen = seen * operands.factor[direction, rows, gate]
            weight[direction, gate] = of_sums[:, direction, sums[gate]].T @ seen
    return weight
