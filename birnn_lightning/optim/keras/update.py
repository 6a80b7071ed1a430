"""What one call of an optimiser's arithmetic is given."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from birnn_lightning.optim.keras.gradients import Gradients
from birnn_lightning.optim.keras.rounding import Number, number


@dataclass(frozen=True)
class Update:
    """Parameters of one device, dtype and param group that are updated by the same arithmetic.

    Attributes:
        parameters: to be changed in place.
        gradients: theirs, clipped.
        group: settings, under Keras's names and ``lr``.
        weight_decay: theirs; 0 for none.
        iterations: updates done before.
    """

    parameters: list[Tensor]
    gradients: Gradients
    group: dict[str, Any]
    weight_decay: float
    iterations: int

    @property
    def number(self) -> Number:
        """The type in which Keras computes factors."""
        return number(self.parameters[0].dtype)

    @property
    def learning_rate(self) -> float:
        """The rate, rounded to the dtype of the parameters."""
        return float(self.number(self.group["lr"]))
