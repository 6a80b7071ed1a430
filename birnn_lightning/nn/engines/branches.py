"""Work that may run at once becomes branches of a recorded CUDA graph."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch

from birnn_lightning.nn.engines.interface import Outcome

_branches: ContextVar[bool] = ContextVar("work is recorded in branches", default=False)


@contextmanager
def branching() -> Iterator[None]:
    """Within, `run_branches` branches.

    For whoever records a CUDA graph and keeps every tensor of it, what autograd saves too, until
    the recording ends: memory that goes from one branch to another must not be given away before.
    """
    token = _branches.set(True)
    try:
        yield
    finally:
        _branches.reset(token)


def run_branches(parts: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    """Runs parts that read nothing of each other: at once within `branching`, or in their order.

    Launched one by one, they would leave a GPU idle anyway.
    """
    if torch.compiler.is_compiling() or not _branches.get():
        return [part() for part in parts]
    current = torch.cuda.current_stream()
    outcomes = []
    for index, part in enumerate(parts[:-1]):
        side = _side_stream(current.device, index)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            outcomes.append(part())
    outcomes.append(parts[-1]())
    for index in range(len(parts) - 1):
        current.wait_stream(_side_stream(current.device, index))
    return outcomes


@cache
def _side_stream(device: torch.device, index: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
