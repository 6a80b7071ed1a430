"""Triton kernels for a GPU: one program takes a tile of rows through time, in one direction.

A step needs no launch of its own, and only valid steps are computed. It serves what cuDNN cannot
express (dropout of the state, the GRU with its reset gate first, other activations) or would have
to pack, and trains few units on many tokens.
"""

import importlib.util
import os
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from birnn_lightning.nn.cells import cell_of
from birnn_lightning.nn.engines.interface import Direction, Outcome, activation_names
from birnn_lightning.nn.engines.operands import needs_gradient, operands_of, run_alike
from birnn_lightning.nn.engines.triton.memory import stays_resident
from birnn_lightning.nn.engines.triton.rows import rows_of
from birnn_lightning.nn.specs import Recurrent

ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu", "hard_sigmoid")
LARGEST_HIDDEN, LARGEST_IN_FLOAT64 = 128, 64
"""Units of which a program holds the states and a gate's matrix; up to 64, all of the matrices."""

CAPABILITY = (8, 0)
"""Of the first GPUs that multiply in TF32."""


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why the kernels cannot run a spec, or None where they can."""
    for name in activation_names(spec):
        if name not in ACTIVATIONS:
            return f"the Triton kernels have no activation {name!r}"
    if spec.hidden_size > LARGEST_HIDDEN:
        return f"the Triton kernels take {LARGEST_HIDDEN} units at most, not {spec.hidden_size}"
    return None


def obstacle_of_dtype(spec: Recurrent, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot run a spec with weights of a type, or None where they can."""
    if dtype == torch.float64 and spec.hidden_size > LARGEST_IN_FLOAT64:
        most = f"{LARGEST_IN_FLOAT64} units at most in float64"
        return f"the Triton kernels take {most}, not {spec.hidden_size}"
    return None


def obstacle_of_machine(device: str) -> str | None:
    """Why the kernels cannot run on a type of device, or None where they can."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if device == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        return "the Triton kernels are for a GPU; the layer is on 'cpu'"
    if device not in ("cpu", "cuda"):
        return f"the Triton kernels are for NVIDIA's GPUs; the layer is on {device!r}"
    if device == "cuda" and torch.version.hip is not None:
        return "the Triton kernels have run on NVIDIA's GPUs alone"
    if device == "cuda" and torch.cuda.is_available():
        capability = torch.cuda.get_device_capability()
        if capability < CAPABILITY:
            needed, found = (".".join(map(str, one)) for one in (CAPABILITY, capability))
            return f"the Triton kernels need compute capability {needed}; this GPU has {found}"
    return None


def keeps_matrices(spec: Recurrent) -> bool:
    """Whether the matrices of a spec, in float32, are read once on this machine's GPU.

    Elsewhere they are read from memory in every step. True where there is no GPU to ask.
    """
    gates = len(cell_of(spec).gates)
    return stays_resident(gates, spec.hidden_size, torch.float32, torch.device("cuda"))


def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
    """Runs directions of equal settings at once, others one by one; see `Engine` for the shapes.

    Computes in float64 where the inputs are, otherwise in float32; under autocast, or where torch
    may use TF32 in products of matrices, with factors rounded to TF32's 11 bits.
    """
    rounds = torch.backends.cuda.matmul.fp32_precision == "tf32"
    autocast = torch.is_autocast_enabled(inputs.device.type)
    precision = "tf32" if rounds or autocast else "tf32x3"
    return run_alike(partial(_run, precision=precision), directions, inputs, mask)


def _run(
    directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None, precision: str
) -> list[Outcome]:
    """Runs directions of equal settings."""
    from birnn_lightning.nn.engines.triton.function import Recurrence, Run, run_forward

    batch, time = inputs.shape[:2]
    rows = rows_of((batch, time), mask, inputs.device)
    if mask is not None:  # NaN in a masked step would reach the gradients of the weights
        inputs = torch.where(mask[..., None], inputs, 0)
    operands = operands_of(directions, inputs, rows)
    backwards = tuple(direction.spec.go_backwards for direction in directions)
    plan = Run(directions[0].spec, rows, backwards, precision)
    anchors = [inputs, *(tensor for one in directions for tensor in (*one.weights, *one.state))]
    if needs_gradient(operands, anchors):
        outputs, *finals = Recurrence.apply(plan, *operands, *anchors)
    else:
        (outputs, *_), finals = run_forward(plan, operands, keeps=False)
    sequence = outputs.unflatten(0, (batch, time))
    states = finals[: len(directions[0].state)]
    return [
        Outcome(sequence[:, :, index], tuple(final[index] for final in states))
        for index in range(len(directions))
    ]
