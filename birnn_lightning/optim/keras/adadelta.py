"""Keras's Adadelta."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.settings import check_not_negative, check_range
from birnn_lightning.optim.keras.update import Update


class Adadelta(KerasOptimizer):
    """Steps as large as those before: ``d = -g * sqrt(b + epsilon) / sqrt(a + epsilon)``.

    ``w += lr * d``; ``a`` is the moving average of ``g^2`` and ``b`` that of ``d^2``.
    States: ``accumulated_grad`` and ``accumulated_delta_var``.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "rho": rho,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``rho`` and ``epsilon``."""
        check_range(group, "rho")
        check_not_negative(group, "epsilon")

    def update(self, update: Update) -> None:
        """Moves the weights."""
        rho, epsilon = update.group["rho"], update.group["epsilon"]
        accumulated = self.states_of(update, "accumulated_grad")
        moved = self.states_of(update, "accumulated_delta_var")
        squares = update.gradients.squares()
        foreach.mul_(accumulated, rho)
        foreach.add_(accumulated, squares, alpha=1 - rho)

        ratios = foreach.add(moved, epsilon)
        foreach.div_(ratios, foreach.add(accumulated, epsilon))
        # The squares of the steps: of each occurrence's step where the gradient is sparse.
        foreach.mul_(moved, rho)
        foreach.addcmul_(moved, ratios, squares, 1 - rho)
        foreach.sqrt_(ratios)
        foreach.addcmul_(update.parameters, ratios, update.gradients.sums, -update.learning_rate)
