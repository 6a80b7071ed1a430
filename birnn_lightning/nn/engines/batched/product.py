"""The recurrent product of all directions as one batch of matrices, and its gradients."""

from typing import NamedTuple

import torch
from torch import Tensor


class Blocks(NamedTuple):
    """The gates of one product during some steps, two ways to see one piece of memory.

    Attributes:
        gates: ``(steps, direction, rows, gate, hidden)``.
        by_step: a contiguous tensor a step, as `Product` takes it.
    """

    gates: Tensor
    by_step: tuple[Tensor, ...]


class Product:
    """``h U`` of some gates, in all directions at once.

    Without dropout of the state, the gates of a row lie side by side: one matrix a direction. With
    it every gate sees a state of its own: one matrix a gate, and the rows of a gate lie together.

    Args:
        weight: ``(direction, gate, hidden, hidden)``; the last axis is that of the state.
        factor: ``(direction, rows, gate, hidden)``: dropout of the state, or None.
    """

    def __init__(self, weight: Tensor, factor: Tensor | None = None) -> None:
        self.gates = weight.shape[1]
        self.factor = None if factor is None else factor.transpose(1, 2).contiguous()
        self.weight = weight.flatten(1, 2) if factor is None else weight.flatten(0, 1)
        self.transposed = self.weight.transpose(1, 2).contiguous()

    def of_rows(self, rows: int) -> "Product":
        """The product for the first rows alone."""
        if self.factor is None or self.factor.shape[2] == rows:
            return self
        product = object.__new__(Product)
        product.__dict__.update(self.__dict__, factor=self.factor[:, :, :rows].contiguous())
        return product

    def blocks(self, flat: Tensor, steps: int) -> Blocks:
        """Sees the memory ``(steps * direction * rows * gate, hidden)``."""
        hidden = flat.shape[-1]
        directions = len(self.weight) if self.factor is None else len(self.factor)
        if self.factor is None:
            gates = flat.view(steps, directions, -1, self.gates, hidden)
            return Blocks(gates, gates.flatten(3).unbind(0))
        gates = flat.view(steps, directions, self.gates, -1, hidden)
        return Blocks(gates.transpose(2, 3), gates.flatten(1, 2).unbind(0))

    def add_to(self, block: Tensor, state: Tensor) -> None:
        """Adds the product of a state ``(direction, rows, hidden)`` to a step's gates."""
        if self.factor is not None:
            state = torch.mul(state[:, None], self.factor).flatten(0, 1)
        block.baddbmm_(state, self.transposed)

    def add_gradient_to(self, gradient: Tensor, block: Tensor, beta: int = 1) -> None:
        """Adds the state's gradient to ``beta`` times what stands in ``gradient``.

        Args:
            gradient: ``(direction, rows, hidden)``.
            block: gradient of a step's gates.
            beta: 1, or 0 to overwrite.
        """
        if self.factor is None:
            gradient.baddbmm_(block, self.weight, beta=beta)
            return
        seen = torch.bmm(block, self.weight).view_as(self.factor).mul_(self.factor)
        if not beta:
            gradient.zero_()
        gradient.add_(seen.sum(1))
