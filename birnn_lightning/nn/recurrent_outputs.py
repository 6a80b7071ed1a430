"""Around an engine: a direction's output, and how two outputs merge."""

from collections.abc import Callable

import torch
from torch import Tensor

from birnn_lightning.nn.concatenation import concatenated
from birnn_lightning.nn.engines import Outcome
from birnn_lightning.nn.masks import carry_outputs
from birnn_lightning.nn.specs import Recurrent, RecurrentStack

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": concatenated,
    "sum": torch.add,
    "mul": torch.mul,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


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
