"""A layer spec says what one layer is; its settings may be given by Keras's names."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from birnn_lightning.nn.specs.base import Shape, Spec
from birnn_lightning.nn.specs.constraints import constraint_of
from birnn_lightning.nn.specs.initializers import initializer_of
from birnn_lightning.nn.specs.regularizers import Regularizer, regularizer_of

NAMED_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "_initializer": initializer_of,
    "_regularizer": regularizer_of,
    "_constraint": constraint_of,
}
"""How a field's name ends: what finds the spec that its value may name."""


@dataclass(frozen=True, kw_only=True)
class LayerSpec(Spec):
    """What one layer is.

    Attributes:
        activity_regularizer: penalty of every output, the sum over its elements divided by the
            batch size; a regulariser or Keras's name of one.
    """

    activity_regularizer: Regularizer | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Makes specs of the fields that may hold Keras's name of one."""
        for one in fields(self):
            for suffix, find in NAMED_SETTINGS.items():
                if one.name.endswith(suffix):
                    object.__setattr__(self, one.name, find(getattr(self, one.name)))

    def input_counts(self) -> tuple[int, ...]:
        """How many tensors the layer may take; empty for any number of at least one."""
        return (1,)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The first output's shape for these input shapes; raises ValueError for a misfit."""
        raise NotImplementedError

    def output_shapes(self, *shapes: Shape) -> tuple[Shape, ...]:
        """The shape of every output."""
        return (self.output_shape(*shapes),)
