"""Keras's SGD."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.rounding import cast
from birnn_lightning.optim.keras.settings import check_range
from birnn_lightning.optim.keras.update import Update


class SGD(KerasOptimizer):
    """Gradient descent: ``m = momentum * m - lr * g``, then ``w += m``.

    With ``nesterov``, ``w += momentum * m - lr * g``; without momentum, ``w -= lr * g``.
    State: ``momentum``, where there is one.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``momentum``."""
        check_range(group, "momentum")

    def update(self, update: Update) -> None:
        """Moves the weights."""
        rate, gradients = update.learning_rate, update.gradients.sums
        momentum = float(cast(update.group["momentum"], update.number))
        if not momentum:
            foreach.add_(update.parameters, gradients, alpha=-rate)
            return
        momenta = self.states_of(update, "momentum")
        foreach.mul_(momenta, momentum)
        foreach.add_(momenta, gradients, alpha=-rate)
        if update.group["nesterov"]:
            foreach.add_(update.parameters, momenta, alpha=momentum)
            foreach.add_(update.parameters, gradients, alpha=-rate)
        else:
            foreach.add_(update.parameters, momenta)
