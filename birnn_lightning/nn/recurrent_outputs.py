"""Around an engine: the states that a direction starts from, its output, how two outputs merge."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from birnn_lightning.nn.concatenation import concatenated
from birnn_lightning.nn.engines import Outcome
from birnn_lightning.nn.masks import carry_outputs
from birnn_lightning.nn.specs import STATES, Recurrent, RecurrentStack

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": concatenated,
    "sum": torch.add,
    "mul": torch.mul,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


def zero_states(cells: Sequence[Recurrent], like: Tensor) -> list[Tensor]:
    """Initial states, cell by cell; those of a kind follow each other in one piece of memory.

    Args:
        cells: every cell of every direction.
        like: ``(batch, ...)``: gives their number of rows, type and device.
    """
    shapes = {(len(STATES[cell.cell]), cell.hidden_size) for cell in cells}
    if len(shapes) > 1:
        return [like.new_zeros(len(like), c.hidden_size) for c in cells for _ in STATES[c.cell]]
    ((kinds, size),) = shapes
    count = len(cells)
    zeros = like.new_zeros(kinds * count, len(like), size).unbind(0)
    return [zeros[kind * count + cell] for cell in range(count) for kind in range(kinds)]


def direction_output(
    spec: Recurrent | RecurrentStack, outcome: Outcome, mask: Tensor | None
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
    if mask is None:
        return state[0]
    last = 0 if spec.go_backwards else -1
    valid = mask[:, last] if spec.zero_output_for_mask else mask.any(1)
    return torch.where(valid[:, None], state[0], 0)
