"""What one call of an optimiser's arithmetic is given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch import Tensor

from birnn_lightning.optim.keras.gradients import Gradients
from birnn_lightning.optim.keras.rounding import Number, number

ELEMENTS_OF_A_PART = 1 << 18
"""So many numbers of a weight, its gradient and its states stay in the cache together."""
ROWS_TOGETHER = 64
"""Rows of a part are multiples of it, so that no part ends inside a vector of the processor."""


@dataclass(frozen=True)
class Update:
    """Parameters of one device, dtype and param group that are updated by the same arithmetic.

    Attributes:
        owners: the parameters.
        gradients: those of `parameters`, clipped.
        group: settings, under Keras's names and ``lr``.
        weight_decay: theirs; 0 for none.
        iterations: updates done before.
        rows: which rows of every parameter are updated; None for all, also of scalars.
    """

    owners: list[Tensor]
    gradients: Gradients
    group: dict[str, Any]
    weight_decay: float
    iterations: int
    rows: slice | None = None

    @cached_property
    def parameters(self) -> list[Tensor]:
        """What is to be changed in place: the owners, or their rows."""
        return self.of_rows(self.owners)

    @property
    def number(self) -> Number:
        """The type in which Keras computes factors."""
        return number(self.owners[0].dtype)

    @property
    def learning_rate(self) -> float:
        """The rate, rounded to the dtype of the parameters."""
        return float(self.number(self.group["lr"]))

    def of_rows(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The updated rows of tensors in the owners' shapes, sharing their memory."""
        return list(tensors) if self.rows is None else [tensor[self.rows] for tensor in tensors]

    def parts(self) -> Iterator["Update"]:
        """The same update in parts whose numbers stay in the processor's cache.

        An update is elementwise and passes over its numbers several times, so that on a CPU a large
        weight would come from memory every time, and need as much memory again for what lies
        between two passes. Sparse gradients, and those on an accelerator, stay in one part.
        """
        if self.owners[0].device.type != "cpu" or self.gradients.occurrences is not None:
            yield self
            return
        pairs = list(zip(self.owners, self.gradients.sums, strict=True))
        small = [pair for pair in pairs if pair[0].numel() <= ELEMENTS_OF_A_PART]
        if small:
            owners, sums = map(list, zip(*small, strict=True))
            yield replace(self, owners=owners, gradients=Gradients(sums, None))
        for owner, gradient in pairs:
            if owner.numel() > ELEMENTS_OF_A_PART:
                yield from self._parts_of(owner, gradient)

    def _parts_of(self, owner: Tensor, gradient: Tensor) -> Iterator["Update"]:
        row = owner.numel() // len(owner)
        rows = max(1, ELEMENTS_OF_A_PART // row // ROWS_TOGETHER) * ROWS_TOGETHER
        for start in range(0, len(owner), rows):
            part = slice(start, start + rows)
            gradients = Gradients([gradient[part]], None)
            yield replace(self, owners=[owner], gradients=gradients, rows=part)
