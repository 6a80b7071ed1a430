"""Randomness of a layer in training: drawn by torch, or given, so that two frameworks share it."""

from collections.abc import Callable

import torch
from torch import Tensor

Shape = tuple[int, ...]
NoiseSource = Callable[[str, Shape], Tensor]
"""``(key, shape) -> float64 tensor``, the same one whenever asked for the same key.

A key that ends in ``dropout`` asks for uniform deviates in [0, 1), one that ends in ``normal`` for
standard normal ones.
"""


def dropout_factor(
    source: NoiseSource | None, key: str, shape: Shape, rate: float, like: Tensor
) -> Tensor:
    """Inverted dropout: 0 with probability ``rate``, otherwise ``1 / (1 - rate)``.

    Args:
        source: where the deviates come from; None for torch's own generator.
        key: names the draw within its layer, e.g. ``"forward.0.inputs"``.
        shape: of the result.
        rate: from 0 to below 1.
        like: gives type and device.
    """
    if source is None:
        uniform = torch.rand(shape, device=like.device)
    else:
        uniform = source(f"{key}.dropout", shape).to(like.device)
    return (uniform >= rate).to(like.dtype) / (1 - rate)


def normal(source: NoiseSource | None, key: str, shape: Shape, like: Tensor) -> Tensor:
    """Standard normal deviates; see `dropout_factor` for the arguments."""
    if source is None:
        return torch.randn(shape, dtype=like.dtype, device=like.device)
    return source(f"{key}.normal", shape).to(like)
