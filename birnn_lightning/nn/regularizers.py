"""What regularisers add to the loss: penalties of weights, and of what layers put out."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import torch
from torch import Tensor

from birnn_lightning.nn.specs import L1, L1L2, L2, LayerSpec, Regularizer


def penalty(spec: Regularizer, values: Tensor) -> Tensor:
    """The penalty of an array, whatever its shape: a scalar in its precision.

    Factors have the precision of float32, as in Keras on TensorFlow, in float64 layers too.
    """
    return _PENALTIES[type(spec)](spec, values)


def _single(factor: float) -> float:
    return torch.tensor(factor, dtype=torch.float32).item()


def _l1_l2(spec: L1L2, values: Tensor) -> Tensor:
    total = values.new_zeros(())
    if spec.l1:
        total = total + penalty(L1(l1=spec.l1), values)
    if spec.l2:
        total = total + penalty(L2(l2=spec.l2), values)
    return total


_PENALTIES: dict[type[Regularizer], Callable[[Any, Tensor], Tensor]] = {
    L1: lambda spec, values: _single(spec.l1) * values.abs().sum(),
    L2: lambda spec, values: _single(spec.l2) * values.square().sum(),
    L1L2: _l1_l2,
}


class ActivityLosses:
    """The penalties of what layers put out in the last forward pass of their model.

    They belong to that pass and its graph, so a copy of the model starts without them.

    Attributes:
        terms: a scalar each.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self.terms: list[Tensor] = []

    def add(self, spec: LayerSpec, outputs: Iterable[Tensor]) -> None:
        """Takes in every output of a layer: its penalty divided by the batch size."""
        if spec.activity_regularizer is not None:
            for output in outputs:
                total = penalty(spec.activity_regularizer, output)
                self.terms.append(total / max(len(output), 1))

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """What copies and pickles hold: nothing."""
        return type(self), ()
