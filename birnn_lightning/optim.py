"""Optimisers and learning-rate schedules by name, with settings that are primitives."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

OptimizerName = Literal["adam", "adamw", "nadam", "radam", "sgd", "rmsprop", "adagrad"]
ScheduleName = Literal["constant", "linear", "cosine", "exponential", "plateau"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}
SCHEDULES = ("constant", "linear", "cosine", "exponential", "plateau")
FUSED = ("adam", "adamw", "sgd", "adagrad")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How the weights are updated.

    Attributes:
        optimizer: one of torch's optimisers.
        learning_rate: step size at its highest.
        weight_decay: added to the gradient as ``weight_decay * weight``; decoupled for adamw.
        momentum: of sgd and rmsprop.
        schedule: ``linear`` and ``cosine`` fall to 0 over the whole training, ``exponential`` falls
            by ``decay_factor`` every epoch, ``plateau`` by ``decay_factor`` when ``val_loss`` has
            not fallen for ``patience`` epochs.
        warmup_steps: steps over which the rate rises linearly from 0; not with plateau.
        decay_factor: see ``schedule``.
        patience: see ``schedule``.
    """

    optimizer: OptimizerName = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: ScheduleName = "constant"
    warmup_steps: int = 0
    decay_factor: float = 0.5
    patience: int = 2

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)}; got {self.optimizer!r}."
            )
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}."
            )
        for name in ("weight_decay", "momentum", "warmup_steps", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}.")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate}.")
        if not 0 < self.decay_factor <= 1:
            raise ValueError(f"decay_factor must be in (0, 1]; got {self.decay_factor}.")
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            raise ValueError(f"momentum is for sgd and rmsprop; got optimizer {self.optimizer!r}.")
        if self.warmup_steps and self.schedule == "plateau":
            raise ValueError("warmup_steps does not go with schedule 'plateau'. Use another.")

    def to_config(self) -> dict[str, Any]:
        """The fields as a dict."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `to_config`."""
        return cls(**config)

    def build(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> Optimizer:
        """The optimiser; ``fused`` asks for torch's fused kernel where there is one."""
        options: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.momentum:
            options["momentum"] = self.momentum
        if fused and self.optimizer in FUSED:
            options["fused"] = True
        return OPTIMIZERS[self.optimizer](parameters, **options)

    def build_schedule(
        self, optimizer: Optimizer, length: Callable[[], tuple[float, float]]
    ) -> dict[str, Any] | None:
        """Lightning's scheduler config, or None for a constant rate.

        Args:
            optimizer: whose rate is scheduled.
            length: gives the optimiser steps of the whole training and of one epoch, infinite where
                there is no end; asked after the first step, when the Trainer knows them.
        """
        if self.schedule == "plateau":
            scheduler = lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=self.decay_factor, patience=self.patience
            )
            return {"scheduler": scheduler, "interval": "epoch", "monitor": "val_loss"}
        if self.schedule == "constant" and not self.warmup_steps:
            return None

        # A plain function: LambdaLR would pickle a callable object into the checkpoint.
        def factor(step: int) -> float:
            # The first factor is the same for every length.
            total, epoch = length() if step else (1, 1)
            return self.rate_factor(step, total_steps=total, steps_per_epoch=epoch)

        return {"scheduler": lr_scheduler.LambdaLR(optimizer, factor), "interval": "step"}

    def rate_factor(self, step: int, *, total_steps: float, steps_per_epoch: float) -> float:
        """The factor of ``learning_rate`` at a step, counted from 0.

        Raises:
            ValueError: the rate falls over the whole training, and that has no end.
        """
        if self.schedule in ("linear", "cosine") and math.isinf(total_steps):
            raise ValueError(
                f"schedule {self.schedule!r} falls over the whole training, and its length is not "
                "known. Give the Trainer max_steps."
            )
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        step -= self.warmup_steps
        done = min(step / max(total_steps - self.warmup_steps, 1), 1.0)
        if self.schedule == "linear":
            return 1 - done
        if self.schedule == "cosine":
            return (math.cos(done * math.pi) + 1) / 2
        if self.schedule == "exponential":
            return self.decay_factor ** (step // max(steps_per_epoch, 1))
        return 1.0
