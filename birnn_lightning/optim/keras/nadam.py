"""Keras's Nadam."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.rounding import Number, cast, number, power
from birnn_lightning.optim.keras.settings import check_not_negative, check_range
from birnn_lightning.optim.keras.update import Update

MOMENTUM_DECAY = 0.96


class Nadam(KerasOptimizer):
    """Adam with Nesterov's momentum: ``w -= lr * m_hat / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

    ``m_hat = u_(t+1) * m / (1 - U_(t+1)) + (1 - u_t) * g / (1 - U_t)`` with
    ``u_t = beta_1 * (1 - 0.96^t / 2)`` and ``U_t`` the product of ``u_1`` to ``u_t``; ``m`` and
    ``v`` are moving averages of the gradient and its square.
    States: ``momentum`` and ``velocity``; the param groups hold ``U_t`` as ``u_product``.
    """

    counters: ClassVar[dict[str, Any]] = {"iterations": 0, "u_product": 1.0}

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
        check_range(group, "beta_2", open_above=True)
        check_not_negative(group, "epsilon")

    def start_update(self, group: dict[str, Any], dtype: torch.dtype, iterations: int) -> None:
        """Multiplies the product of the momenta, in the dtype of the first parameter."""
        kind = number(dtype)
        damping = 1.0 - kind(0.5) * power(kind(MOMENTUM_DECAY), iterations + 1, kind)
        group["u_product"] = float(kind(group["u_product"]) * kind(group["beta_1"]) * damping)

    def update(self, update: Update) -> None:
        """Moves the weights."""
        group, kind, step = update.group, update.number, update.iterations + 1
        beta_1, beta_2 = cast(group["beta_1"], kind), cast(group["beta_2"], kind)
        u_now, u_next = (_momentum(beta_1, at, kind) for at in (step, step + 1))
        product = kind(group["u_product"])
        momenta = self.states_of(update, "momentum")
        velocities = self.states_of(update, "velocity")
        gradients = update.gradients
        foreach.lerp_(momenta, gradients.sums, float(1 - beta_1))
        foreach.lerp_(velocities, gradients.squares(), float(1 - beta_2))

        directions = foreach.mul(momenta, float(u_next))
        foreach.div_(directions, float(1 - product * u_next))
        # Scaled in one factor, for the gradient must not be changed.
        share = float((1 - u_now) / (1 - product))
        foreach.add_(directions, gradients.sums, alpha=share)
        divisors = foreach.div(velocities, float(1 - power(beta_2, step, kind)))
        foreach.sqrt_(divisors)
        foreach.add_(divisors, group["epsilon"])
        foreach.addcdiv_(update.parameters, directions, divisors, -update.learning_rate)


def _momentum(beta_1: Any, step: int, kind: Number) -> Any:
    """``u_t``."""
    return beta_1 * (1.0 - kind(0.5) * power(cast(MOMENTUM_DECAY, kind), step, kind))
