"""Which steps of a batch are computed, and how its rows are shared by threads."""

import math
import os
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from birnn_lightning.nn.engines.fused.calls import MAX_CHUNK_ROWS, Batch, find_tokens, pointer

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def thread_count() -> int:
    """The threads of torch; 1 in a forked process, where the pool of threads does not exist."""
    return 1 if _forked else torch.get_num_threads()


class Steps(NamedTuple):
    """The valid steps of a batch, row after row: its tokens.

    Attributes:
        shape: ``(batch, time)``.
        offsets: ``(batch + 1,)`` int64: the first token of each row.
        order: ``(batch,)`` int64: the rows, longest first; None where all are equally long.
        places: ``(tokens,)`` int64: where each stands in batch x time; None where all are valid.
    """

    shape: tuple[int, int]
    offsets: Tensor
    order: Tensor | None = None
    places: Tensor | None = None

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return math.prod(self.shape) if self.places is None else len(self.places)

    def chunks(self, directions: int, threads: int) -> int:
        """In how many parts the rows are computed: enough for all threads, none too large."""
        rows = max(self.shape[0], 1)
        even = threads // math.gcd(threads, directions)
        needed = max(even, math.ceil(rows / MAX_CHUNK_ROWS))
        return min(math.ceil(needed / even) * even, rows)

    def structure(self) -> Batch:
        """As the kernel takes them; valid while this object lives."""
        return Batch(*self.shape, pointer(self.offsets), pointer(self.places), pointer(self.order))

    def gather(self, values: Tensor) -> Tensor:
        """``(batch, time, feature)`` to ``(tokens, feature)``."""
        flat = values.flatten(0, 1)
        return flat if self.places is None else flat.index_select(0, self.places)


@lru_cache(maxsize=32)
def all_steps(batch: int, time: int) -> Steps:
    """The steps of a batch without a mask."""
    with torch.inference_mode(False):
        return Steps((batch, time), torch.arange(batch + 1) * time)


def steps_of(batch: int, time: int, mask: Tensor | None) -> Steps:
    """The steps of a batch with a mask ``(batch, time)``, or without one."""
    if mask is None:
        return all_steps(batch, time)
    steps = Steps((batch, time), *find_tokens(mask))
    return all_steps(batch, time) if steps.tokens == batch * time else steps
