"""The learning rate of every step: schedules by name, with settings that are primitives."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.optim import SGD, Optimizer, lr_scheduler

from birnn_lightning.optim.plateau import KerasReduceLROnPlateau
from birnn_lightning.optim.schedules import KERAS_SCHEDULES, Schedule
from birnn_lightning.optim.settings import check_choice, check_names

ScheduleName = Literal[
    "constant",
    "linear",
    "cosine",
    "exponential",
    "plateau",
    "exponential_decay",
    "inverse_time_decay",
    "polynomial_decay",
    "cosine_decay",
    "cosine_decay_restarts",
    "piecewise_constant_decay",
    "reduce_lr_on_plateau",
]
WITH_WARMUP = ("constant", "linear", "cosine", "exponential")


@dataclass(frozen=True, kw_only=True)
class RateConfig:
    """How the learning rate goes.

    Attributes:
        learning_rate: step size at its highest; where a Keras schedule starts.
        schedule: ``linear`` and ``cosine`` fall to 0 over the whole training, ``exponential`` falls
            by ``decay_factor`` every epoch, ``plateau`` by ``decay_factor`` when ``val_loss`` has
            not fallen for ``patience`` epochs; the others are Keras's.
        schedule_settings: arguments of a Keras schedule by Keras's names, e.g. ``decay_steps``.
        warmup_steps: steps over which the rate rises linearly from 0; not with plateau, nor with
            Keras's schedules.
        decay_factor: see ``schedule``.
        patience: see ``schedule``.
    """

    learning_rate: float = 1e-3
    schedule: ScheduleName = "constant"
    schedule_settings: dict[str, Any] = field(default_factory=dict)
    warmup_steps: int = 0
    decay_factor: float = 0.5
    patience: int = 2

    def __post_init__(self) -> None:
        """Checks the fields."""
        check_choice("schedule", self.schedule, get_args(ScheduleName))
        for name in ("warmup_steps", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}.")
        # A warm-up of Keras's usually starts at 0.
        starts_at_zero = self.learning_rate == 0 and "warmup_target" in self.schedule_settings
        if self.learning_rate <= 0 and not starts_at_zero:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate}.")
        if not 0 < self.decay_factor <= 1:
            raise ValueError(f"decay_factor must be in (0, 1]; got {self.decay_factor}.")
        if self.warmup_steps and self.schedule not in WITH_WARMUP:
            raise ValueError(
                f"warmup_steps does not go with schedule {self.schedule!r}. Use another."
            )
        self._check_schedule_settings()

    def _check_schedule_settings(self) -> None:
        what, settings = f"schedule_settings of {self.schedule}", self.schedule_settings
        if self.schedule in KERAS_SCHEDULES:
            check_names(what, settings, KERAS_SCHEDULES[self.schedule], ["initial_learning_rate"])
            build: Callable[[], object] = self.keras_schedule
        elif self.schedule == "reduce_lr_on_plateau":
            check_names(what, settings, KerasReduceLROnPlateau, ["optimizer"])
            optimizer = SGD([nn.Parameter(torch.zeros(1))])
            build = lambda: KerasReduceLROnPlateau(optimizer, **settings)  # noqa: E731
        elif settings:
            raise ValueError(
                f"{what} must be empty; got {', '.join(settings)}. Its settings are warmup_steps, "
                "decay_factor and patience."
            )
        else:
            return
        try:
            build()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what} do not fit: {error}") from None

    def keras_schedule(self) -> Schedule | None:
        """Keras's schedule of this name; None where the schedule is not one of Keras's."""
        if self.schedule not in KERAS_SCHEDULES:
            return None
        settings = dict(self.schedule_settings)
        # The values of a piecewise constant decay are rates of their own.
        if "values" not in settings:
            settings["initial_learning_rate"] = self.learning_rate
        return KERAS_SCHEDULES[self.schedule](**settings)

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
            return epoch_end(scheduler, "val_loss")
        if self.schedule == "reduce_lr_on_plateau":
            scheduler = KerasReduceLROnPlateau(optimizer, **self.schedule_settings)
            return epoch_end(scheduler, scheduler.monitor.name)
        if self.schedule == "constant" and not self.warmup_steps:
            return None
        keras_schedule = self.keras_schedule()
        if keras_schedule is not None:
            for group in optimizer.param_groups:
                group["initial_lr"] = 1.0  # LambdaLR's factor is then the rate itself

        # A plain function: LambdaLR would pickle a callable object into the checkpoint.
        def factor(step: int) -> float:
            if keras_schedule is not None:
                return keras_schedule.rate(step)
            # The first factor is the same for every length.
            total, epoch = length() if step else (1, 1)
            return self.rate_factor(step, total_steps=total, steps_per_epoch=epoch)

        return {"scheduler": lr_scheduler.LambdaLR(optimizer, factor), "interval": "step"}

    def rate_factor(self, step: int, *, total_steps: float, steps_per_epoch: float) -> float:
        """The factor of ``learning_rate`` at a step, counted from 0; not of Keras's schedules.

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


def epoch_end(scheduler: lr_scheduler.LRScheduler, monitor: str) -> dict[str, Any]:
    """Lightning's config of a scheduler that `end_epoch` steps, and Lightning never.

    Lightning would step it after the checkpoints of the epoch are saved, which then lack it.
    """
    return {
        "scheduler": scheduler,
        "interval": "epoch",
        "frequency": sys.maxsize,
        "monitor": monitor,
    }
