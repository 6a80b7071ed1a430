"""Keras's Adam and AdamW, through torch's fused kernel where it serves."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.base import KerasOptimizer
from birnn_lightning.optim.keras.rounding import cast, power
from birnn_lightning.optim.keras.settings import check_not_negative, check_range
from birnn_lightning.optim.keras.update import Update

FUSED_DEVICES = ("cpu", "cuda")


class Adam(KerasOptimizer):
    """Adam: ``w -= alpha * m / (sqrt(v) + epsilon)``.

    ``alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)``, so that ``epsilon`` weighs more in the
    first steps than torch's ``eps`` does. ``m`` and ``v`` are moving averages of the gradient and
    its square; with ``amsgrad`` the largest ``v`` so far takes the place of ``v``.
    States: ``momentum``, ``velocity`` and, with ``amsgrad``, ``velocity_hat``.

    Args:
        fused: whether torch's fused kernel computes the update; None where it serves, which is for
            dense gradients on the CPU and on CUDA.
    """

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        fused: bool | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "amsgrad": amsgrad,
            "weight_decay": weight_decay,
            "fused": fused,
        }
        super().__init__(params, defaults, variables=variables, **shared)

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks ``beta_1``, ``beta_2``, ``epsilon`` and whether ``fused`` is possible."""
        check_range(group, "beta_1", open_above=True)
        check_range(group, "beta_2", open_above=True)
        check_not_negative(group, "epsilon")

    def decay_and_update(self, update: Update) -> None:
        """Decays the weights and updates them, in one pass over the memory where possible."""
        fused = update.group["fused"]
        device = update.parameters[0].device.type
        if fused and device not in FUSED_DEVICES:
            raise ValueError(
                f"fused=True is possible on {' and '.join(FUSED_DEVICES)}; got parameters on "
                f"{device!r}. Set fused=None."
            )
        serves = device in FUSED_DEVICES and update.gradients.occurrences is None
        if fused is not False and serves:
            self._update_fused(update)
        else:
            super().decay_and_update(update)

    def update(self, update: Update) -> None:
        """Moves the weights."""
        group, parameters = update.group, update.parameters
        momenta = self.states_of(update, "momentum")
        velocities = self.states_of(update, "velocity")
        foreach.lerp_(momenta, update.gradients.sums, 1 - group["beta_1"])
        foreach.lerp_(velocities, update.gradients.squares(), 1 - group["beta_2"])
        if group["amsgrad"]:
            largest = self.states_of(update, "velocity_hat")
            foreach.maximum_(largest, velocities)
            velocities = largest
        divisors = foreach.sqrt(velocities)
        foreach.add_(divisors, group["epsilon"])
        foreach.addcdiv_(parameters, momenta, divisors, -_alpha(update))

    def _update_fused(self, update: Update) -> None:
        """The same by torch's kernel.

        The kernel computes ``w -= rate / (1 - beta_1^step) * m / (sqrt(v / (1 - beta_2^step)) +
        eps)``. At an infinite step that is Keras's formula with ``alpha`` as the rate.
        """
        group, parameters = update.group, update.parameters
        alpha = _alpha(update)
        # The kernel multiplies the decay by the rate that it is given.
        decay = update.weight_decay * update.learning_rate / alpha if alpha else 0.0
        hats = self.states_of(update, "velocity_hat") if group["amsgrad"] else []
        step = torch.full((), math.inf, device=parameters[0].device)
        adam(
            parameters,
            update.gradients.sums,
            self.states_of(update, "momentum"),
            self.states_of(update, "velocity"),
            hats,
            [step] * len(parameters),
            fused=True,
            decoupled_weight_decay=True,
            amsgrad=group["amsgrad"],
            beta1=group["beta_1"],
            beta2=group["beta_2"],
            lr=alpha,
            weight_decay=decay,
            eps=group["epsilon"],
            maximize=False,
        )


class AdamW(Adam):
    """Adam with weight decay: `Adam` with another default of ``weight_decay``."""

    def __init__(
        self,
        params: ParamsT,
        learning_rate: float = 0.001,
        *,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        fused: bool | None = None,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(
            params,
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
            fused=fused,
            variables=variables,
            **shared,
        )

    def check_group(self, group: dict[str, Any]) -> None:
        """Checks the settings of Adam, and that there is a weight decay."""
        super().check_group(group)
        if group["weight_decay"] is None:
            raise ValueError("weight_decay of AdamW must be a number; got None. Use Adam.")


def _alpha(update: Update) -> float:
    """The rate with its correction for the first steps."""
    kind, step = update.number, update.iterations + 1
    beta_1_power = power(cast(update.group["beta_1"], kind), step, kind)
    beta_2_power = power(cast(update.group["beta_2"], kind), step, kind)
    rate = kind(update.learning_rate)
    return float(rate * kind(math.sqrt(1 - beta_2_power)) / (1 - beta_1_power))
