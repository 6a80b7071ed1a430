"""Work that may run at once becomes branches of a CUDA graph that is being recorded."""

from collections.abc import Callable, Sequence
from functools import cache

import torch

from birnn_lightning.nn.engines.interface import Outcome


def run_branches(parts: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    """Runs parts that read nothing of each other, at once where a CUDA graph is being recorded.

    Otherwise one after another: launched one by one, they leave a GPU idle anyway, and memory that
    goes from one stream to another would have to be kept from being given away too early. In a
    recording, memory that another stream has used is not given away.
    """
    if not (torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()):
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
