"""What a recurrence computes, what enters it, and what it keeps for the way back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from birnn_lightning.nn.engines.batched.cells import Cell, Kept
from birnn_lightning.nn.engines.batched.product import Blocks, Product
from birnn_lightning.nn.engines.batched.steps import Segment, Steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is computed.

    Attributes:
        cell: of every direction.
        steps: of the batch.
        wants_sequence: whether every output is wanted, or the final states alone.
    """

    cell: Cell
    steps: Steps
    wants_sequence: bool

    @property
    def gates(self) -> int:
        """Gates of the cell."""
        return sum(len(group) for group in self.cell.groups)

    def indices(self, drops_state: bool) -> list[Tensor]:
        """Where each group's gates stand among those of all tokens, in rows of `unit` gates."""
        groups = self.cell.groups
        if self.unit(drops_state) > 1:
            return [self.steps.token]
        return [self.steps.of_blocks(group, self.gates, drops_state) for group in groups]

    def unit(self, drops_state: bool) -> int:
        """How many gates of a token stay together: all of them where they enter one product."""
        return 1 if drops_state or len(self.cell.groups) > 1 else self.gates

    def products(self, weight: Tensor, factor: Tensor | None) -> list[Product]:
        """The product of each group; see `Operands`."""
        if factor is not None and self.steps.order is not None:
            factor = factor[:, self.steps.order]
        spans = [slice(group[0], group[-1] + 1) for group in self.cell.groups]
        return [
            Product(weight[:, span], None if factor is None else factor[:, :, span])
            for span in spans
        ]

    def packed(self, flat: Tensor, segment: Segment, gates: int = 1) -> Tensor:
        """A segment's part of ``(packed * gates, ...)``."""
        size = segment.steps * self.steps.directions * segment.rows
        return flat.narrow(0, segment.start * gates, size * gates)

    def states(self, buffer: Tensor, segment: Segment) -> Tensor:
        """A segment's part ``(steps + 1, direction, rows, hidden)`` of a buffer of states."""
        shape = (segment.steps + 1, self.steps.directions, segment.rows, buffer.shape[1])
        return buffer.narrow(0, segment.slot, shape[0] * shape[1] * shape[2]).view(shape)


class Buffers(NamedTuple):
    """What the way back needs; see `Kept`.

    Attributes:
        h: ``(slots + 1, hidden)``; the last row is zero.
        extra: ``(slots, hidden)``, or nothing.
        flats: of each group of gates ``(packed * gate, hidden)``.
    """

    h: Tensor
    extra: Tensor
    flats: list[Tensor]

    def of_segment(self, plan: Plan, segment: Segment, products: Sequence[Product]) -> Kept:
        """A segment's part."""
        parts = (
            plan.packed(flat, segment, len(group))
            for flat, group in zip(self.flats, plan.cell.groups, strict=True)
        )
        return Kept(
            blocks_of(parts, segment, products),
            plan.states(self.h, segment),
            plan.states(self.extra, segment) if plan.cell.has_extra else self.extra,
        )


def blocks_of(
    flats: Iterable[Tensor], segment: Segment, products: Sequence[Product]
) -> list[Blocks]:
    """A segment's gates, group by group."""
    return [
        product.blocks(flat, segment.steps) for product, flat in zip(products, flats, strict=True)
    ]
