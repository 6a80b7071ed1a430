"""Keras's Lion."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.rounding import cast
from birnn_lightning.optim.keras.settings import check_range
from birnn_lightning.optim.keras.update import Update


class Lion(KerasOptimizer):
    """Steps of one length: ``w -= lr * sign(beta_1 * m + (1 - beta_1) * g)``.

    Then ``m = beta_2 * m + (1 - beta_2) * g``. State: ``momentum``.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "beta_1": beta_1,
            "beta_2": beta_2,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``beta_1`` and ``beta_2``."""
        check_range(group, "beta_1", open_below=True)
        check_range(group, "beta_2")

    def update(self, update: Update) -> None:
        """Moves the weights."""
        kind, gradients = update.number, update.gradients.sums
        beta_1, beta_2 = (cast(update.group[name], kind) for name in ("beta_1", "beta_2"))
        momenta = self.states_of(update, "momentum")
        directions = foreach.mul(momenta, float(beta_1))
        foreach.add_(directions, gradients, alpha=float(1 - beta_1))
        foreach.sign_(directions)
        foreach.add_(update.parameters, directions, alpha=-update.learning_rate)
        foreach.mul_(momenta, float(beta_2))
        foreach.add_(momenta, gradients, alpha=float(1 - beta_2))
