"""Weights in the kernel's gate blocks.

The kernel's blocks stand in the order of `block_gates`, each padded to whole vectors of units.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from birnn_lightning.nn.cells import cell_of
from birnn_lightning.nn.engines.fused.steps import Steps
from birnn_lightning.nn.specs import Recurrent


def block_gates(spec: Recurrent) -> list[int]:
    """Torch's number of the gate in each of the kernel's blocks; the GRU's candidate is first."""
    return [2, 0, 1] if spec.cell == "gru" else list(range(len(cell_of(spec).gates)))


def to_blocks(spec: Recurrent, weight: Tensor, padded: int) -> Tensor:
    """``(gate * hidden, features)`` to the kernel's blocks ``(gate * padded, features)``."""
    blocks = weight.unflatten(0, (-1, spec.hidden_size))
    order = block_gates(spec)
    if order != sorted(order):
        blocks = blocks[order]
    return pad(blocks, (0, 0, 0, padded - spec.hidden_size)).flatten(0, 1)


def project(
    spec: Recurrent,
    inputs: Tensor,
    weight: Tensor,
    factor: Tensor,
    steps: Steps,
    padded: int,
) -> Tensor:
    """``x W`` of all tokens at once where each gate sees inputs of its own.

    Args:
        spec: the cell.
        inputs: ``(batch, time, feature)``.
        weight: ``(gate * hidden, feature)``.
        factor: dropout factors ``(batch, gate, feature)``.
        steps: which steps are tokens.
        padded: units of a block.

    Returns:
        ``(tokens, gate * padded)``.
    """
    blocks = to_blocks(spec, weight, padded).chunk(len(block_gates(spec)))
    return torch.cat(
        [
            linear(steps.gather(inputs * factor[:, None, gate]), block)
            for gate, block in zip(block_gates(spec), blocks, strict=True)
        ],
        dim=1,
    )
