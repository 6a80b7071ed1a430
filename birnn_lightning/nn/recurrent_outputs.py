"""Around an engine: a direction's output, and how two outputs merge."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from birnn_lightning.nn.cells import State
from birnn_lightning.nn.concatenation import concatenated
from birnn_lightning.nn.engines import Outcome
from birnn_lightning.nn.masks import Masked, carry_outputs
from birnn_lightning.nn.regularizers import ActivityLosses
from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": concatenated,
    "sum": torch.add,
    "mul": torch.mul,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


def is_plain(spec: Recurrent | RecurrentStack | Bidirectional, masked: bool) -> bool:
    """Whether the cells' own outputs side by side are the layer's, and nothing else is.

    Then an engine that writes them so has written the layer's. Started from zeros a row without a
    valid step ends with them.
    """
    directions = spec.directions if isinstance(spec, Bidirectional) else (spec,)
    if isinstance(spec, Bidirectional) and spec.merge_mode != "concat":
        return False
    is_sequence = directions[0].return_sequences
    return not (is_sequence and directions[0].go_backwards) and all(
        isinstance(one, Recurrent)
        and one.return_sequences == is_sequence
        and not (masked and one.zero_output_for_mask != is_sequence)
        and not (one.return_state or one.stateful)
        and one.activity_regularizer is None
        for one in directions
    )


def direction_output(
    spec: Recurrent | RecurrentStack, outcome: Outcome, mask: Tensor | None, from_zeros: bool
) -> Tensor:
    """One direction's sequence in the order of the input, or its last output.

    A masked step's output is the one before it in processing order (0 before the first valid one),
    or 0 with ``zero_output_for_mask``.
    """
    sequence, state = outcome
    if spec.return_sequences:
        if mask is None or spec.zero_output_for_mask:
            return sequence
        return carry_outputs(sequence, mask, spec.go_backwards)
    if mask is None or (from_zeros and not spec.zero_output_for_mask):
        return state[0]  # of a row without a valid step the initial one
    last = 0 if spec.go_backwards else -1
    valid = mask[:, last] if spec.zero_output_for_mask else mask.any(1)
    return torch.where(valid[:, None], state[0], 0)


def merged(
    spec: Recurrent | RecurrentStack | Bidirectional, outputs: list[Tensor], mask: Tensor | None
) -> tuple[Masked, ...]:
    """The directions' outputs as one, or as they are, in the order of the first direction."""
    first = spec.directions[0] if isinstance(spec, Bidirectional) else spec
    if isinstance(spec, Bidirectional) and spec.merge_mode is not None:
        outputs = [MERGES[spec.merge_mode](*outputs)]
    if not first.return_sequences:
        return tuple(Masked(output) for output in outputs)
    if first.go_backwards:
        outputs = [output.flip(1) for output in outputs]
    return tuple(Masked(output, mask) for output in outputs)


def penalize(
    losses: ActivityLosses,
    directions: Sequence[Recurrent | RecurrentStack],
    outputs: Sequence[Tensor],
    finals: Sequence[Sequence[State]],
) -> None:
    """Penalises each direction as Keras's layers inside a `Bidirectional` do.

    Args:
        losses: where the penalties go.
        directions: whose regularisers they are.
        outputs: of each direction.
        finals: the final states of each direction's cells.
    """
    for direction, output, states in zip(directions, outputs, finals, strict=True):
        returned = states if direction.return_state else ()
        losses.add(direction, (output, *(part for state in returned for part in state)))
