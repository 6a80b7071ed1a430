"""Keras's RMSprop."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.settings import check_not_negative, check_range
from birnn_lightning.optim.keras.update import Update


class RMSprop(KerasOptimizer):
    """Gradients divided by their root mean square: ``w -= lr * g / sqrt(v + epsilon)``.

    ``v`` is the moving average of ``g^2``; with ``centered``, the square of the moving average of
    ``g`` is subtracted from it. With ``momentum``, the increments ``d`` add up to
    ``m = momentum * m + d`` and ``w -= m``.
    States: ``velocity``, ``momentum`` where there is one, ``average_gradient`` where centred.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "rho": rho,
            "momentum": momentum,
            "epsilon": epsilon,
            "centered": centered,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``rho``, ``momentum`` and ``epsilon``."""
        check_range(group, "rho")
        check_range(group, "momentum")
        check_not_negative(group, "epsilon")

    def update(self, update: Update) -> None:
        """Moves the weights."""
        group, parameters, gradients = update.group, update.parameters, update.gradients
        rho, momentum, rate = group["rho"], group["momentum"], update.learning_rate
        velocities = self.states_of(update, "velocity")
        foreach.mul_(velocities, rho)
        if gradients.occurrences is None:
            foreach.addcmul_(velocities, gradients.sums, gradients.sums, 1 - rho)
        else:
            foreach.add_(velocities, gradients.squares(), alpha=1 - rho)
        if group["centered"]:
            means = self.states_of(update, "average_gradient")
            foreach.mul_(means, rho)
            foreach.add_(means, gradients.sums, alpha=1 - rho)
            divisors = foreach.addcmul(velocities, means, means, -1.0)
            foreach.add_(divisors, group["epsilon"])
        else:
            divisors = foreach.add(velocities, group["epsilon"])
        foreach.sqrt_(divisors)
        if momentum:
            momenta = self.states_of(update, "momentum")
            foreach.mul_(momenta, momentum)
            foreach.addcdiv_(momenta, gradients.sums, divisors, rate)
            foreach.sub_(parameters, momenta)
        else:
            foreach.addcdiv_(parameters, gradients.sums, divisors, -rate)
