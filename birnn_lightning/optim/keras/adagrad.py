"""Keras's Adagrad."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.rounding import cast
from birnn_lightning.optim.keras.settings import check_not_negative
from birnn_lightning.optim.keras.update import Update


class Adagrad(KerasOptimizer):
    """Gradients divided by the root of all their squares: ``w -= lr * g / sqrt(a + epsilon)``.

    ``a`` starts at ``initial_accumulator_value`` and every ``g^2`` is added to it.
    State: ``accumulator``.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "initial_accumulator_value": initial_accumulator_value,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``initial_accumulator_value`` and ``epsilon``."""
        check_not_negative(group, "initial_accumulator_value", "epsilon")

    def update(self, update: Update) -> None:
        """Moves the weights."""
        group, gradients = update.group, update.gradients
        initial = float(cast(group["initial_accumulator_value"], update.number))
        accumulators = self.states_of(update, "accumulator", initial)
        if gradients.occurrences is None:
            foreach.addcmul_(accumulators, gradients.sums, gradients.sums)
        else:
            foreach.add_(accumulators, gradients.squares())
        divisors = foreach.add(accumulators, group["epsilon"])
        foreach.sqrt_(divisors)
        foreach.addcdiv_(update.parameters, gradients.sums, divisors, -update.learning_rate)
