"""A compiled kernel for the CPU: every cell, every mask, dropout of inputs and state.

All gates of a unit are one sum in registers, inputs and state together; rows are independent, so a
task is one direction of some rows, and nothing waits within a layer. Only valid steps are computed:
a masked batch is its tokens, row after row, and never padded.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.fused.calls import (
    ACTIVATIONS,
    PRECISIONS,
    multiplies_bfloat16,
    padded_size,
)
from birnn_lightning.nn.engines.fused.function import Recurrence
from birnn_lightning.nn.engines.fused.layout import project
from birnn_lightning.nn.engines.fused.passes import (
    Operands,
    Outputs,
    Run,
    compute,
    prepare,
    unused_room,
)
from birnn_lightning.nn.engines.fused.steps import Steps, steps_of
from birnn_lightning.nn.engines.interface import Direction, Outcome, activation_names
from birnn_lightning.nn.specs import STATES, Recurrent
from birnn_lightning.nn.unread import Pending, Rows, Unread

NO_STEPS = torch.empty(0, 0, 0)
"""What stands for a sequence that nobody wants."""


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why the kernel cannot run a spec, or None where it can."""
    for name in activation_names(spec):
        if name not in ACTIVATIONS:
            return f"the compiled kernel has no activation {name!r}"
    return None


def run(
    directions: Sequence[Direction], inputs: Tensor | Unread, mask: Tensor | None
) -> list[Outcome]:
    """Runs all directions in one call; see `Engine` for the shapes.

    Computes in float64 where the inputs are, otherwise in float32; see `rounds_factors`. What is
    unread is for evaluation alone: it is not dropped, and has no gradient.
    """
    outputs = _run(directions, inputs, mask)
    sizes = [direction.spec.hidden_size for direction in directions]
    sequences, *states = [
        None if one is None else one.split_with_sizes(sizes, dim=-1) for one in outputs
    ]
    return [
        Outcome(
            NO_STEPS if sequences is None else sequences[index],
            tuple(
                one[index] for one in states[: len(STATES[direction.spec.cell])] if one is not None
            ),
        )
        for index, direction in enumerate(directions)
    ]


def run_whole(
    directions: Sequence[Direction], inputs: Tensor | Unread, mask: Tensor | None
) -> Tensor:
    """As `run`, the outputs of all directions side by side.

    Returns:
        ``(batch, time, hidden of all)`` where their sequences are wanted, and zero at masked steps;
        ``(batch, hidden of all)`` otherwise.
    """
    sequence, final_h, _ = _run(directions, inputs, mask)
    output = final_h if sequence is None else sequence
    assert output is not None
    return output


def defer(
    directions: Sequence[Direction], inputs: Tensor | Unread, mask: Tensor | None
) -> Pending | None:
    """The sequences of all directions side by side, yet to be computed: by the call of its reader.

    For evaluation, of inputs that are in the precision that the kernel computes in, else None.
    """
    if inputs.dtype not in PRECISIONS:
        return None
    bfloat16 = rounds_factors(directions, inputs)
    call, operands = _prepared(directions, inputs, mask, bfloat16)
    before = inputs.passes if isinstance(inputs, Pending) else ()
    last = prepare(call, operands, keep=False, room=unused_room(before))
    assert last.outputs.sequence is not None
    return Pending(last.outputs.sequence, mask, (*before, last))


def rounds_factors(directions: Sequence[Direction], inputs: Tensor | Unread) -> bool:
    """Whether the factors of products are rounded to bfloat16.

    Where the inputs are of that type, or autocast says so, on a processor that multiplies such
    numbers (AVX512_BF16). Not with dropout of the state, whose products have one factor a gate.
    """
    autocast = inputs.dtype == torch.float32 and torch.is_autocast_enabled("cpu")
    wanted = torch.get_autocast_dtype("cpu") if autocast else inputs.dtype
    if wanted != torch.bfloat16 or not multiplies_bfloat16():
        return False
    return all(direction.dropout.state is None for direction in directions)


def _run(directions: Sequence[Direction], inputs: Tensor | Unread, mask: Tensor | None) -> Outputs:
    """The outputs, in the type of the inputs."""
    bfloat16 = rounds_factors(directions, inputs)
    with without_autocast("cpu"):
        call, operands = _prepared(directions, inputs, mask, bfloat16)
        if torch.is_grad_enabled() and any(map(_is_trained, operands)):
            tensors = (tensor for one in operands for tensor in one)
            outputs = Outputs(*Recurrence.apply(call, *tensors))
        else:
            before = inputs.passes if isinstance(inputs, Pending) else ()
            outputs = compute([*before, prepare(call, operands, keep=False)])
        if call.dtype == inputs.dtype:
            return outputs
        return Outputs(*[None if one is None else one.to(inputs.dtype) for one in outputs])


def _is_trained(operands: Operands) -> bool:
    return any(one is not None and one.requires_grad for one in operands)


def _prepared(
    directions: Sequence[Direction],
    inputs: Tensor | Unread,
    mask: Tensor | None,
    bfloat16: bool,
) -> tuple[Run, list[Operands]]:
    """What the kernel shall do, and each direction's tensors."""
    dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
    batch, time, _ = inputs.shape
    tokens = None
    if isinstance(inputs, Pending):
        values, steps = inputs.values, inputs.passes[-1].run.steps
    else:
        steps = steps_of(batch, time, mask)
        values, tokens = inputs[:2] if isinstance(inputs, Rows) else (_ready(inputs, dtype), None)
    assert values is not None
    specs = [direction.spec for direction in directions]
    call = Run(specs, steps, wanted_outputs(directions), dtype, tokens, bfloat16)
    return call, [_operands(direction, values, steps) for direction in directions]


def wanted_outputs(directions: Sequence[Direction]) -> tuple[bool, bool, bool]:
    """Whether each of the `Outputs` is: the final state is the output where no sequence is."""
    sequences = [direction.wants_sequence for direction in directions]
    memory = any(direction.wants_memory for direction in directions)
    has_memory = any(direction.spec.cell == "lstm" for direction in directions)
    return any(sequences), memory or not all(sequences), memory and has_memory


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
