"""torch's own kernels (cuDNN, oneDNN, ATen), for every mask through compaction."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from birnn_lightning.nn.cells import State
from birnn_lightning.nn.concatenation import stacked
from birnn_lightning.nn.engines.autocast import without_autocast
from birnn_lightning.nn.engines.branches import run_branches
from birnn_lightning.nn.engines.cudnn_weights import flatten, unwarned
from birnn_lightning.nn.engines.interface import Direction, Outcome
from birnn_lightning.nn.masks import compact
from birnn_lightning.nn.specs import Recurrent

KERNELS = {
    ("rnn", "tanh"): torch.rnn_tanh,
    ("rnn", "relu"): torch.rnn_relu,
    ("lstm", "tanh"): torch.lstm,
    ("gru", "tanh"): torch.gru,
}
OF_A_PAIR = [one.name for one in fields(Recurrent) if one.name != "go_backwards"]
"""What the directions of a pair have in common."""


def obstacle(spec: Recurrent, training: bool) -> str | None:
    """Why torch has no kernel for a spec, or None where it has one."""
    if training and spec.recurrent_dropout:
        return "torch has no kernel with recurrent dropout, which training applies"
    if (spec.cell, spec.activation) not in KERNELS:
        return f"torch has no {spec.cell} kernel with activation {spec.activation!r}"
    if spec.cell != "rnn" and spec.recurrent_activation != "sigmoid":
        return f"torch has no kernel with recurrent activation {spec.recurrent_activation!r}"
    if spec.cell == "gru" and not spec.reset_after:
        return "torch has no GRU kernel with reset_after=False"
    return None


def run(
    directions: Sequence[Direction],
    inputs: Tensor,
    mask: Tensor | None,
    padded: bool | None = None,
) -> list[Outcome]:
    """Runs a forward and a backward direction of equal settings in one call, others one by one.

    Outputs and states have the type of the inputs, under autocast too, whatever type the kernel
    then computes in.

    Args:
        directions: see `Engine`.
        inputs: ``(batch, time, feature)``.
        mask: ``(batch, time)``, or None.
        padded: how masked batches run: with their padding moved behind each row's valid steps,
            which needs `runs_padded` and a call for each direction; or packed, without padding,
            which makes a GPU wait for the lengths. None takes `prefers_padding`.
    """
    if any(_lacks_kernel(one.spec, inputs.device.type) for one in directions):
        dtype = directions[0].weights.weight_ih.dtype
        wide = [one._replace(state=tuple(s.to(dtype) for s in one.state)) for one in directions]
        with without_autocast(inputs.device.type):
            outcomes = _run(wide, inputs.to(dtype), mask, padded)
    else:
        outcomes = _run(directions, inputs, mask, padded)
    parts = [part for one in outcomes for part in (one.sequence, *one.state)]
    if all(part.dtype == inputs.dtype for part in parts):
        return outcomes
    return [
        Outcome(sequence.to(inputs.dtype), tuple(state.to(inputs.dtype) for state in states))
        for sequence, states in outcomes
    ]


def _lacks_kernel(spec: Recurrent, device: str) -> bool:
    """Whether autocast would make torch's LSTM fail: oneDNN has no kernel of its type.

    So it is on processors without products of half precision; torch computes the other cells.
    """
    if spec.cell != "lstm" or device != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    return _onednn_lacks(torch.get_autocast_dtype("cpu"))


@torch.compiler.assume_constant_result
def _onednn_lacks(half: torch.dtype) -> bool:
    """Whether there is oneDNN, without kernels of a type of half precision on this processor."""
    if not torch.backends.mkldnn.is_available():
        return False
    if half == torch.bfloat16:
        return not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return not torch.ops.mkldnn._is_mkldnn_fp16_supported()


def _run(
    directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None, padded: bool | None
) -> list[Outcome]:
    """As `run`, in the type that the kernel computes in."""
    if mask is None or not all(runs_padded(one.spec, one.wants_memory) for one in directions):
        padded = False
    elif padded is None:
        padded = all(prefers_padding(one.spec, inputs) for one in directions)
    if padded and mask is not None:
        return _run_padded(directions, inputs, mask)
    if _is_pair(directions):
        return _run_kernel(directions, inputs, mask)
    return [_run_direction(direction, inputs, mask) for direction in directions]


def runs_padded(spec: Recurrent, wants_memory: bool) -> bool:
    """Whether a kernel may run on past a row's end, where its outputs are dropped.

    Not for the LSTM's memory: kernels return that of the last step alone. Not relu: it may overflow
    in the padding, and the gradient of a weight is then 0 times infinity.
    """
    return spec.activation == "tanh" and not (spec.cell == "lstm" and wants_memory)


def prefers_padding(spec: Recurrent, inputs: Tensor) -> bool:
    """Whether a masked batch that can run either way shall run padded.

    On a CPU in training: packed, the backward pass goes through slices of the batch step by step,
    which takes 2.4 to 4 times as long as computing the padding does (RNN and GRU; batch 32, time
    200, 64 units, rows full or of random length). In inference packed is the faster, but for the
    LSTM, whose one fused kernel takes no packed batch: padded 15.7 and packed 22.5 ms (in training
    60 and 122; 2 Zen 4 cores, one layer, rows of 20 to 200 steps). On a GPU always: packed, cuDNN
    launches every step by itself; 64 units take 3 to 9 times as long (``docs/speed-gpu.md``).
    """
    return inputs.is_cuda or torch.is_grad_enabled() or spec.cell == "lstm"


def waits(spec: Recurrent, wants_memory: bool) -> str | None:
    """Why a masked pass on a GPU waits for the lengths of its rows, or None."""
    if runs_padded(spec, wants_memory):
        return None
    return "cuDNN packs the valid steps, whose number it must know"


def _run_padded(directions: Sequence[Direction], inputs: Tensor, mask: Tensor) -> list[Outcome]:
    """Runs each direction by itself, its valid steps in front of the padding."""
    forwards = compact(mask)
    inputs = torch.where(mask[..., None], inputs, 0)  # NaN there would reach the gradients
    last = (forwards.lengths.clamp(min=1) - 1)[:, None, None]  # an empty row runs one all the same

    def run_one(direction: Direction) -> Outcome:
        compaction = forwards.backwards() if direction.spec.go_backwards else forwards
        factor = direction.dropout.inputs
        given = compaction.gather(inputs if factor is None else inputs * factor)
        kernel, initial, arguments = _call([direction])
        sequence, *_ = kernel(given, _hidden(initial), *arguments, True)
        state = sequence.gather(1, last.expand(-1, 1, sequence.shape[2]))[:, 0]
        return Outcome(
            torch.where(mask[..., None], compaction.scatter(sequence), 0),
            _where(forwards.lengths[:, None] > 0, (state,), direction.state),
        )

    parts = [partial(run_one, direction) for direction in directions]
    # In half precision cuDNN's kernels may want the whole GPU to themselves, and wait for it.
    is_half = inputs.element_size() < 4 or torch.is_autocast_enabled("cuda")
    return [part() for part in parts] if is_half else run_branches(parts)


def _run_direction(direction: Direction, inputs: Tensor, mask: Tensor | None) -> Outcome:
    """Runs one direction by itself; the kernel knows time in one order alone."""
    if direction.dropout.inputs is not None:
        inputs = inputs * direction.dropout.inputs
    if not direction.spec.go_backwards:
        return _run_kernel([direction], inputs, mask)[0]
    flipped_mask = None if mask is None else mask.flip(1)
    (outcome,) = _run_kernel([direction], inputs.flip(1), flipped_mask)
    return Outcome(outcome.sequence.flip(1), outcome.state)


def _is_pair(directions: Sequence[Direction]) -> bool:
    """Whether the directions are what torch calls bidirectional."""
    if len(directions) != 2 or any(d.dropout.inputs is not None for d in directions):
        return False
    first, second = (direction.spec for direction in directions)
    mirrored = second.go_backwards and not first.go_backwards
    return mirrored and all(getattr(first, name) == getattr(second, name) for name in OF_A_PAIR)


def _call(directions: Sequence[Direction]) -> tuple[Callable[..., Any], list[Tensor], tuple]:
    """The kernel for one direction or a pair, their initial states, and its other arguments."""
    spec = directions[0].spec
    by_direction = [
        [tensor for tensor in direction.weights if tensor is not None] for direction in directions
    ]
    flat = [tensor for weights in by_direction for tensor in weights]
    is_flat = flatten(spec, flat, per_direction=len(by_direction[0]))
    kernel = KERNELS[spec.cell, spec.activation]
    initial = [stacked(states) for states in zip(*(d.state for d in directions), strict=True)]
    options = (spec.use_bias, 1, 0.0, torch.is_grad_enabled(), len(directions) == 2)
    return kernel if is_flat else unwarned(kernel), initial, (flat, *options)


def _run_kernel(
    directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None
) -> list[Outcome]:
    """One kernel call, packed where there is a mask: a forward direction, perhaps its twin."""
    kernel, initial, arguments = _call(directions)
    if mask is None or len(inputs) == 0:  # torch packs no empty batch
        sequence, *final = kernel(inputs, _hidden(initial), *arguments, True)
        return _outcomes(sequence, final, len(directions))
    compaction = compact(mask)
    # An empty row runs one step all the same: NaN there would reach the gradients.
    packed = pack_padded_sequence(
        compaction.gather(torch.where(mask[..., None], inputs, 0)),
        compaction.lengths.clamp(min=1).cpu(),
        batch_first=True,
        enforce_sorted=False,
    )
    assert packed.sorted_indices is not None
    assert packed.unsorted_indices is not None
    initial = [state.index_select(1, packed.sorted_indices) for state in initial]
    data, *final = kernel(packed.data, packed.batch_sizes, _hidden(initial), *arguments)
    sequence, _ = pad_packed_sequence(
        packed._replace(data=data), batch_first=True, total_length=inputs.shape[1]
    )
    final = [state.index_select(1, packed.unsorted_indices) for state in final]
    sequence = torch.where(mask[..., None], compaction.scatter(sequence), 0)
    outcomes = _outcomes(sequence, final, len(directions))
    filled = compaction.lengths[:, None] > 0
    return [
        Outcome(outcome.sequence, _where(filled, outcome.state, direction.state))
        for outcome, direction in zip(outcomes, directions, strict=True)
    ]


def _hidden(states: list[Tensor]) -> Tensor | list[Tensor]:
    """The kernels take a list of two states for the LSTM and one tensor otherwise."""
    return states if len(states) == 2 else states[0]


def _outcomes(sequence: Tensor, final: Sequence[Tensor], count: int) -> list[Outcome]:
    """Splits the kernel's concatenated directions."""
    parts = sequence.chunk(count, dim=-1) if count > 1 else (sequence,)
    states = zip(*(state.unbind(0) for state in final), strict=True)
    return [Outcome(part, state) for part, state in zip(parts, states, strict=True)]


def _where(condition: Tensor, first: State, second: State) -> State:
    """``first`` where true; it may lack the LSTM's memory."""
    return tuple(torch.where(condition, a, b) for a, b in zip(first, second, strict=False))
