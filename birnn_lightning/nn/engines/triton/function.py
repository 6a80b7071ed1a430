"""The kernels under autograd."""

from collections.abc import Iterator, Sequence
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
from birnn_lightning.nn.engines.triton.backward import backward
from birnn_lightning.nn.engines.triton.forward import forward
from birnn_lightning.nn.engines.triton.memory import (
    RESIDENT_BYTES,
    ROWS,
    matrix_bytes,
    stays_resident,
    width_of,
)
from birnn_lightning.nn.engines.triton.rows import Rows
from birnn_lightning.nn.specs import STATES, Recurrent

SAVED = {"rnn": 0, "lstm": 5, "gru": 4}
"""Values of a unit and token that the way back needs beside states."""


@dataclass(frozen=True)
class Run:
    """What is computed.

    Attributes:
        spec: of every direction.
        rows: of the batch.
        backwards: of each direction, whether it starts from the end.
        precision: of float32's products: ``tf32``, or ``tf32x3``, three of them that sum to
            float32's precision.
    """

    spec: Recurrent
    rows: Rows
    backwards: tuple[bool, ...]
    precision: str

    @property
    def cell(self) -> str:
        """The kernels' name of the cell."""
        before = self.spec.cell == "gru" and not self.spec.reset_after
        return "gru reset before" if before else self.spec.cell

    @property
    def sums(self) -> int:
        """Sums of a unit that have gradients: the GRU's candidate has two, of input and state."""
        return len(cell_of(self.spec).gates) + (self.cell == "gru")

    def empty(self, like: Tensor, *shape: int) -> Tensor:
        """A tensor that a kernel fills, zero where it does not: at masked tokens."""
        masked = self.rows.places is not None
        return like.new_zeros(shape) if masked else like.new_empty(shape)

    def launch(
        self, kernel: Any, operands: Operands, tensors: Sequence[Tensor | None], keeps: bool = True
    ) -> None:
        """Runs a kernel: a program for each tile of rows and direction.

        Args:
            kernel: `forward` or `backward`.
            operands: of the recurrence; what is None is not read.
            tensors: the kernel's others.
            keeps: whether a way back may follow.

        Raises:
            RuntimeError: the GPU's shared memory is too small for the weights.
        """
        directions, rows, hidden = operands.h.shape
        if not rows:
            return
        h, time = operands.h, self.rows.shape[1]
        arguments = (
            *(h if one is None else one.contiguous() for one in operands),
            *(h if one is None else one for one in tensors),
            *(h if one is None else one for one in self.rows[2:]),
            rows,
            time,
            directions,
        )
        grid = (triton.cdiv(rows, ROWS), directions)
        try:
            with torch.cuda.device_of(h):
                kernel[grid](
                    *arguments, **self.constants(operands, keeps), num_warps=self.warps(operands)
                )
        except OutOfResources as error:
            raise RuntimeError(
                f"engine 'triton' needs {error.required} bytes of shared memory for {hidden} units "
                f"in {h.dtype}; this GPU has {error.limit}. Use engine 'batched'."
            ) from error

    def warps(self, operands: Operands) -> int:
        """Of a program: more where fewer have too few registers (an H200)."""
        gates, hidden = operands.weight.shape[1:3]
        return 4 if matrix_bytes(gates, hidden, operands.weight.dtype) < RESIDENT_BYTES else 8

    def constants(self, operands: Operands, keeps: bool) -> dict[str, Any]:
        """What a kernel is compiled for."""
        weight = operands.weight
        gates, hidden = weight.shape[1:3]
        return {
            "CELL": self.cell,
            "ACT": self.spec.activation,
            "GATE": self.spec.recurrent_activation,
            "HIDDEN": hidden,
            "WIDTH": width_of(hidden),
            "ROWS": ROWS,
            "GATES": gates,
            "SUMS": self.sums,
            "SAVED": SAVED[self.spec.cell],
            "HAS_BIAS": operands.bias is not None,
            "HAS_FACTOR": operands.factor is not None,
            "MASKED": self.rows.places is not None,
            "BACKWARDS": sum(bit << index for index, bit in enumerate(self.backwards)),
            "KEEPS": keeps,
            "RESIDENT": stays_resident(gates, hidden, weight.dtype, weight.device),
            "PRECISION": self.precision,
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


def run_forward(run: Run, operands: Operands, keeps: bool) -> tuple[Kept, list[Tensor]]:
    """What is kept, but for the outputs empty where nothing is, and the final states.

    The final states are ``(direction, rows, hidden)``.
    """
    h, tokens = operands.h, len(operands.projected)
    directions, _, hidden = h.shape
    outputs = run.empty(h, tokens, directions, hidden)
    previous = run.empty(h, tokens if keeps else 0, directions, hidden)
    saved = run.empty(h, len(previous), directions, SAVED[run.spec.cell], hidden)
    finals = [torch.empty_like(h) for _ in STATES[run.spec.cell]]
    run.launch(forward, operands, (outputs, previous, saved, finals[0], finals[-1]), keeps)
    return Kept(outputs, previous, saved), finals


class Recurrence(torch.autograd.Function):
    """``apply(run, *operands, *anchors)`` to outputs by token, final h, final memory.

    The anchors are the tensors from which the operands come: through them a second derivative finds
    the way to its refusal.
    """

    @staticmethod
    def forward(ctx: Any, run: Run, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """Keeps what the way back needs."""
        operands = Operands(*tensors[: len(Operands._fields)])  # type: ignore[arg-type]
        kept, finals = run_forward(run, operands, keeps=True)
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
        gradients = once_differentiable("engine 'triton'", gradients, (*outputs, *given))
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
    of_sums = run.empty(kept.outputs, len(kept.outputs), directions, run.sums, hidden)
    tensors = (of_outputs, of_sums, of_finals[0], of_finals[-1], of_states[0], of_states[-1])
    run.launch(backward, operands, (*kept, *tensors))
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
    """``(direction, gate, hidden, hidden)``: of each gate its sums' times what it saw."""
    gradients = []
    for direction, sums in enumerate(of_sums.unbind(1)):
        parts = [  # one by one: torch.bmm would not share the tokens out among a GPU's processors
            sums[:, places].flatten(1).T @ seen
            for places, seen in _seen(run, operands, kept, direction)
        ]
        gradients.append(torch.cat(parts).view_as(operands.weight[direction]))
    return torch.stack(gradients)


def _seen(
    run: Run, operands: Operands, kept: Kept, direction: int
) -> Iterator[tuple[slice, Tensor]]:
    """The places of gates' sums, and what ``(tokens, hidden)`` their matrices multiplied."""
    previous, last = kept.previous[:, direction], slice(run.sums - 1, run.sums)
    is_gru = run.spec.cell == "gru"  # whose last matrix has sums, or an operand, of its own
    count = operands.weight.shape[1] - (1 if is_gru else 0)
    if operands.factor is None:
        yield slice(count), previous
        of_last = previous
    else:
        factors = operands.factor[direction, run.rows.row_of_token].unbind(1)
        for gate in range(count):
            yield slice(gate, gate + 1), previous * factors[gate]
        of_last = previous * factors[-1]
    if is_gru:
        yield last, kept.saved[:, direction, 3] if run.cell == "gru reset before" else of_last
