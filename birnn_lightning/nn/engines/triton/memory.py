"""What a program holds, and whether a GPU has room for it."""

from functools import cache

import torch

ROWS = 16
"""Rows of a program: the fewest that a product of matrices takes."""
RESIDENT_BYTES = 64 * 1024
"""Recurrent matrices up to this size stay in a program's registers from step to step, where the
GPU's shared memory can hand them there."""


def width_of(hidden: int) -> int:
    """Units of a program's tiles, a power of 2; those beyond ``hidden`` are zero."""
    return max(1 << (hidden - 1).bit_length(), ROWS)


def matrix_bytes(gates: int, hidden: int, dtype: torch.dtype) -> int:
    """Of a direction's recurrent matrices in a program."""
    return gates * width_of(hidden) ** 2 * dtype.itemsize


def stays_resident(gates: int, hidden: int, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether these stay in registers: they get there in two parts, high and low digits."""
    matrices = matrix_bytes(gates, hidden, dtype)
    states = ROWS * width_of(hidden) * dtype.itemsize
    return matrices <= RESIDENT_BYTES and 2 * (matrices + states) <= shared_bytes(device)


@cache
def shared_bytes(device: torch.device) -> int:
    """The shared memory that a program can have; where there is no GPU, as much as of an H100."""
    if device.type != "cuda" or not torch.cuda.is_available():
        return 227 * 1024
    return torch.cuda.get_device_properties(device).shared_memory_per_block_optin
