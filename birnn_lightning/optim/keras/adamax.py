"""Keras's Adamax."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.rounding import cast, power
from birnn_lightning.optim.keras.settings import check_not_negative, check_range
from birnn_lightning.optim.keras.update import Update


class Adamax(KerasOptimizer):
    """Adam with a maximum: ``w -= lr * m / ((1 - beta_1^t) * (u + epsilon))``.

    ``m`` is the moving average of the gradient and ``u = max(beta_2 * u, |g|)``.
    States: ``momentum`` and ``norm``.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``beta_1``, ``beta_2`` and ``epsilon``."""
        check_range(group, "beta_1", open_above=True)
        check_range(group, "beta_2")
        check_not_negative(group, "epsilon")

    def update(self, update: Update) -> None:
        """Moves the weights."""
        group, kind = update.group, update.number
        momenta = self.states_of(update, "momentum")
        norms = self.states_of(update, "norm")
        foreach.lerp_(momenta, update.gradients.sums, 1 - group["beta_1"])
        foreach.mul_(norms, group["beta_2"])
        foreach.maximum_(norms, update.gradients.magnitudes())
        divisors = foreach.add(norms, group["epsilon"])
        correction = 1 - power(cast(group["beta_1"], kind), update.iterations + 1, kind)
        foreach.mul_(divisors, float(correction))
        foreach.addcdiv_(update.parameters, momenta, divisors, -update.learning_rate)
