"""A compiled kernel for the CPU: every cell, every mask, dropout of inputs and state.

All gates of a unit are one sum in registers, inputs and state together; rows are independent, so a
task is one direction of some rows, and nothing waits within a layer. Only valid steps are computed:
a masked batch is its tokens, row after row, and never padded.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.fused.calls import ACTIVATIONS, multiplies_bfloat16, padded_size
from birnn_lightning.nn.engines.fused.function import (
    Operands,
    Outputs,
    Recurrence,
    Run,
    run_forward,
)
from birnn_lightning.nn.engines.fused.layout import project
from birnn_lightning.nn.engines.fused.steps import Steps, steps_of
from birnn_lightning.nn.engines.interface import Direction, Outcome, activation_names
from birnn_lightning.nn.rows import Rows
from birnn_lightning.nn.specs import STATES, Recurrent


NO_STEPS = torch.empty(0, 0, 0)
"""What stands for a sequence that nobody wants."""


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why the kernel cannot run a spec, or None where it can."""
    for name in activation_names(spec):
        if name not in ACTIVATIONS:
            return f"the compiled kernel has no activation {name!r}"
    return None


def run(
    directions: Sequence[Direction], inputs: Tensor | Rows, mask: Tensor | None
) -> list[Outcome]:
    """Runs all directions in one call; see `Engine` for the shapes.

    Inputs that are rows of a table are not dropped, and need no gradient. Computes in float64 where the inputs are, otherwise in float32; see `rounds_factors`.
    """
    dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
    bfloat16 = rounds_factors(directions, inputs)
    with without_autocast("cpu"):
        return _run(directions, inputs, mask, dtype, bfloat16)


def rounds_factors(directions: Sequence[Direction], inputs: Tensor | Rows) -> bool:
    """Whether the factors of products are rounded to bfloat16.

    Where the inputs are of that type, or autocast says so, on a processor that multiplies such
    numbers (AVX512_BF16). Not with dropout of the state, whose products have one factor a gate.
    """
    autocast = inputs.dtype == torch.float32 and torch.is_autocast_enabled("cpu")
    wanted = torch.get_autocast_dtype("cpu") if autocast else inputs.dtype
    if wanted != torch.bfloat16 or not multiplies_bfloat16():
        return False
    return all(direction.dropout.state is None for direction in directions)


def _run(
    directions: Sequence[Direction],
    inputs: Tensor | Rows,
    mask: Tensor | None,
    dtype: torch.dtype,
    bfloat16: bool,
) -> list[Outcome]:
    batch, time, _ = inputs.shape
    steps = steps_of(batch, time, mask)
    values, tokens = inputs[:2] if isinstance(inputs, Rows) else (_ready(inputs, dtype), None)
    assert values is not None
    specs = [direction.spec for direction in directions]
    call = Run(specs, steps, wanted_outputs(directions), dtype, tokens, bfloat16)
    operands = [_operands(direction, values, steps) for direction in directions]
    tensors = [tensor for one in operands for tensor in one]
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in tensors):
        outputs = Outputs(*Recurrence.apply(call, *tensors))
    else:
        outputs = run_forward(call, operands, keep=False)
    return _outcomes(outputs, specs, inputs.dtype)


def wanted_outputs(directions: Sequence[Direction]) -> tuple[bool, bool, bool]:
    """Whether each of the `Outputs` is: the final state is the output where no sequence is."""
    sequences = [direction.wants_sequence for direction in directions]
    memory = any(direction.wants_memory for direction in directions)
    has_memory = any(direction.spec.cell == "lstm" for direction in directions)
    return any(sequences), memory or not all(sequences), memory and has_memory


def _outcomes(
    outputs: Outputs, specs: Sequence[Recurrent], dtype: torch.dtype
) -> list[Outcome]:
    """Each direction's part of the outputs, in a type."""
    sizes = [spec.hidden_size for spec in specs]

    def parts(whole: Tensor | None) -> Sequence[Tensor] | None:
        if whole is None:
            return None
        return (whole if whole.dtype == dtype else whole.to(dtype)).split_with_sizes(sizes, dim=-1)

    sequences, *states = map(parts, outputs)
    return [
        Outcome(
            NO_STEPS if sequences is None else sequences[index],
            tuple(one[index] for one in states[: len(STATES[spec.cell])] if one is not None),
        )
        for index, spec in enumerate(specs)
    ]


def _ready(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """In a precision and in C order; calls that change nothing take time too."""
    if tensor is None or (tensor.dtype == dtype and tensor.is_contiguous()):
        return tensor
    return tensor.to(dtype).contiguous()


def _operands(direction: Direction, values: Tensor, steps: Steps) -> Operands:
    """The tensors of a direction, of one precision and in C order."""
    spec, dtype = direction.spec, values.dtype
    weight_ih, weight_hh, bias_ih, bias_hh = [_ready(one, dtype) for one in direction.weights]
    initial_h, initial_c = [*(_ready(one, dtype) for one in direction.state), None, None][:2]
    assert weight_ih is not None
    assert weight_hh is not None
    inputs: Tensor | None = values
    dropped, projected = direction.dropout.inputs, None
    if dropped is not None:
        dropped = dropped.to(dtype)
        if dropped.shape[1] == 1:
            inputs, dropped = values * dropped, None
    if dropped is not None:
        padded = padded_size(spec.hidden_size, dtype)
        projected = project(spec, inputs, weight_ih, dropped, steps, padded)
        inputs = weight_ih = None
    return Operands(
        inputs,
        projected,
        weight_ih,
        weight_hh,
        bias_ih,
        bias_hh,
        _ready(direction.dropout.state, dtype),
        initial_h,
        initial_c,
    )
