"""Random trainings of a few parameters."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import Optimizer

SHAPES = ((2, 3), (5,), (7, 11))
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"momentum": 0.7, "nesterov": True}),
    ("adam", {"amsgrad": True}),
    ("adam", {"fused": False}),
    ("adamw", {}),
    ("rmsprop", {"centered": True, "momentum": 0.7}),
    ("adagrad", {}),
    ("adadelta", {}),
    ("adamax", {}),
    ("nadam", {}),
    ("lion", {}),
]


def random_parameters(dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    """Parameters, the same at every call."""
    generator = torch.Generator().manual_seed(29)
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype)) for shape in SHAPES
    ]


def train(
    optimizer: Optimizer,
    parameters: Sequence[torch.nn.Parameter],
    steps: range,
    scheduler: Any = None,
) -> None:
    """Steps with gradients that depend on the number of the step alone."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for parameter in parameters:
            shape, dtype = parameter.shape, parameter.dtype
            drawn = torch.randn(shape, generator=generator, dtype=dtype)
            parameter.grad = drawn.to(parameter.device)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def values(parameters: Sequence[torch.nn.Parameter]) -> torch.Tensor:
    """All elements."""
    return torch.cat([parameter.detach().flatten() for parameter in parameters])
