"""Which steps are computed, and where each of them stands: in the batch, and in order of time.

Rows are sorted by their number of valid steps, so the rows that are still active are the first
ones. The *packed* order is: step, direction, row; a direction that runs backwards takes each row
from its own last valid step. Steps with equally many rows form a *segment*, in which a tensor is
``(steps, direction, rows, ...)``. A *token* is a valid step of a row in the input.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from birnn_lightning.nn.masks import compact

SEGMENT_STEPS = 32
"""Most steps of a segment, so that what is computed of a whole segment stays in the cache."""


class Segment(NamedTuple):
    """Steps with equally many active rows.

    Attributes:
        steps: how many steps.
        rows: active rows.
        start: packed rows before it.
        slot: rows before it of a buffer that also holds the state in which each segment starts.
    """

    steps: int
    rows: int
    start: int
    slot: int


class Steps(NamedTuple):
    """The steps of a batch.

    Attributes:
        shape: ``(batch, time)``.
        directions: how many run at once.
        segments: in order of time.
        order: ``(batch,)``: the batch's row at each place; None where rows stay.
        tokens: ``(tokens,)``: each token's place ``row * time + step``; None where all are valid.
        token: ``(packed,)``: ``token * directions + direction`` of each packed row.
        slot: ``(packed,)``: the slot of the state after it.
        before: ``(packed,)``: the slot of the state before it.
    """

    shape: tuple[int, int]
    directions: int
    segments: list[Segment]
    order: Tensor | None
    tokens: Tensor | None
    token: Tensor
    slot: Tensor
    before: Tensor

    @property
    def slots(self) -> int:
        """Rows of a buffer of states; see `Segment`."""
        return sum((one.steps + 1) * one.rows for one in self.segments) * self.directions

    @property
    def place(self) -> Tensor:
        """``(packed,)``: ``(row * time + step) * directions + direction`` of each packed row."""
        if self.tokens is None:
            return self.token
        direction = self.token % self.directions
        return self.tokens[self.token // self.directions] * self.directions + direction

    @property
    def by_token(self) -> Tensor:
        """The packed row of each token and direction: the inverse of ``token``."""
        inverse = torch.empty_like(self.token)
        inverse[self.token] = torch.arange(len(inverse), device=inverse.device)
        return inverse

    @property
    def row_of_token(self) -> Tensor:
        """``(tokens,)``: the batch's row of each token."""
        time = self.shape[1]
        if self.tokens is not None:
            return self.tokens // time
        return torch.arange(len(self.token) // self.directions, device=self.token.device) // time

    def of_blocks(self, gates: Sequence[int], count: int, by_gate: bool) -> Tensor:
        """Where the gates' rows ``(tokens * direction * count, hidden)`` come from.

        Args:
            gates: those wanted, one after the other.
            count: gates of a cell.
            by_gate: whether rows of a gate lie together, or gates of a row.
        """
        chosen = torch.arange(gates[0], gates[-1] + 1, device=self.token.device)
        index = self.token[:, None] * count + chosen
        if not by_gate:
            return index.flatten()
        parts = []
        for segment in self.segments:
            size = segment.steps * self.directions * segment.rows
            part = index[segment.start : segment.start + size]
            parts.append(part.view(-1, segment.rows, len(gates)).transpose(1, 2).flatten())
        return torch.cat(parts) if parts else index.flatten()


def steps_of(
    shape: tuple[int, int], backwards: tuple[bool, ...], mask: Tensor | None, device: torch.device
) -> Steps:
    """The steps of a batch; waits for the device once where there is a mask.

    Args:
        shape: ``(batch, time)`` of the padded batch.
        backwards: of each direction, whether time runs from the end.
        mask: ``(batch, time)`` or None.
        device: of the indices.
    """
    if mask is None:
        return _steps_without_mask(shape, backwards, device)
    compaction = compact(mask)
    order = compaction.lengths.argsort(descending=True, stable=True)
    lengths = compaction.lengths[order].tolist()
    segments = list(_segments(lengths, len(backwards)))
    step, row = (index.to(device) for index in _by_step(_active(segments)))
    row = order[row]
    tokens = row * shape[1] + compaction.order[row, step]
    indices = _indices(lengths, segments, backwards, None).to(device)
    return Steps(shape, len(backwards), segments, order, tokens, *indices.unbind(0))


@lru_cache(maxsize=4)
def _steps_without_mask(
    shape: tuple[int, int], backwards: tuple[bool, ...], device: torch.device
) -> Steps:
    """The steps of a batch whose steps are all valid; shapes seldom change between batches."""
    with torch.inference_mode(False):  # the next call may be one of training
        lengths = [shape[1]] * shape[0]
        segments = list(_segments(lengths, len(backwards)))
        indices = _indices(lengths, segments, backwards, shape[1]).to(device)
        return Steps(shape, len(backwards), segments, None, None, *indices.unbind(0))


def _segments(lengths: Sequence[int], directions: int) -> Iterator[Segment]:
    """The segments of rows with these lengths, which do not grow."""
    step = start = slot = 0
    for rows in range(len(lengths), 0, -1):
        while step < lengths[rows - 1]:
            steps = min(lengths[rows - 1] - step, SEGMENT_STEPS)
            yield Segment(steps, rows, start, slot)
            step += steps
            start += steps * directions * rows
            slot += (steps + 1) * directions * rows


def _active(segments: Sequence[Segment]) -> Tensor:
    """Active rows at each step."""
    active = [segment.rows for segment in segments for _ in range(segment.steps)]
    return torch.tensor(active, dtype=torch.int64)


def _by_step(sizes: Tensor) -> tuple[Tensor, Tensor]:
    """The step of each of ``sizes`` items a step, and its number within the step."""
    step = torch.repeat_interleave(sizes)
    return step, torch.arange(len(step)) - (sizes.cumsum(0) - sizes)[step]


def _indices(
    lengths: Sequence[int], segments: Sequence[Segment], backwards: Sequence[bool], time: int | None
) -> Tensor:
    """``(3, packed)``: `Steps.token`, `slot` and `before`, on the CPU.

    Args:
        lengths: valid steps of each row, longest first.
        segments: of these lengths.
        backwards: of each direction.
        time: steps of a batch without a mask, whose tokens are numbered row by row; None where they
            are numbered step by step.
    """
    directions = len(backwards)
    active = _active(segments)
    extra = [one.slot - one.start + directions * one.rows for one in segments]
    counts = torch.tensor([one.steps for one in segments], dtype=torch.int64)
    skipped = torch.tensor(extra, dtype=torch.int64).repeat_interleave(counts)
    step, within = _by_step(active * directions)
    rows = active[step]
    direction, row = within // rows, within % rows
    last = torch.tensor(lengths, dtype=torch.int64)[row] - 1
    source = torch.where(torch.tensor(backwards)[direction], last - step, step)
    token = (active.cumsum(0) - active)[source] + row if time is None else row * time + source
    slot = torch.arange(len(step)) + skipped[step]
    return torch.stack([token * directions + direction, slot, slot - directions * rows])
