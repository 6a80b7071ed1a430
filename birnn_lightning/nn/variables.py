"""A variable is what Keras trains as one array: here one parameter, or two that stand for it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from birnn_lightning.nn.constraints import constrained
from birnn_lightning.nn.regularizers import penalty
from birnn_lightning.nn.specs import Constraint, LayerSpec, Regularizer


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One trained array of a layer.

    Attributes:
        name: where the Keras twin has it: ``<layer>/<owner...>/<variable>``.
        parameters: one, or two along a new first axis (both biases of a GRU).
        regularizer: its penalty, or None.
        constraint: what it satisfies after every update, or None.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it gets gradients; Keras does not regularise a frozen weight."""
        return self.parameters[0].requires_grad

    def array(self) -> Tensor:
        """The array in Keras's shape: kernels ``([width,] input, output)``; gates in our order."""
        if len(self.parameters) > 1:
            return torch.stack(self.parameters)
        parameter = next(iter(self.parameters))
        # Kernels have input and output first, and in the other order; all else is the same in both.
        return parameter.permute(*range(2, parameter.dim()), 1, 0) if self._is_kernel else parameter

    @property
    def _is_kernel(self) -> bool:
        return self.name.endswith("kernel")

    def penalty(self) -> Tensor | None:
        """What it adds to the loss."""
        if self.regularizer is None or not self.is_trained:
            return None
        return penalty(self.regularizer, self.array())

    @torch.no_grad()
    def apply_constraint(self) -> None:
        """Makes the parameters satisfy the constraint, in place."""
        if self.constraint is None or not self.is_trained:
            return
        array = constrained(self.constraint, self.array())
        if len(self.parameters) > 1:
            for parameter, row in zip(self.parameters, array, strict=True):
                parameter.copy_(row)
        else:
            self.array().copy_(array)


def variable(
    spec: LayerSpec, name: str, *parameters: Tensor | None, settings: str = ""
) -> Iterator[Variable]:
    """The variable that these parameters are; none where a layer goes without them.

    Args:
        spec: whose fields hold its regulariser and constraint.
        name: within the layer.
        parameters: those that there are; buffers among them are not trained, and left out.
        settings: what the fields' names start with; the variable's own name by default.
    """
    trained = tuple(one for one in parameters if isinstance(one, nn.Parameter))
    settings = settings or name
    if trained:
        yield Variable(
            name=name,
            parameters=trained,
            regularizer=getattr(spec, f"{settings}_regularizer", None),
            constraint=getattr(spec, f"{settings}_constraint", None),
        )


def within(owner: str, variables: Iterator[Variable]) -> Iterator[Variable]:
    """The variables of a part, named from the whole: ``<owner>/<name>``."""
    for one in variables:
        yield replace(one, name=f"{owner}/{one.name}")
