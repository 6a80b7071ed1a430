"""The learning rate falls when a monitored value stops improving, counted as Keras counts."""

from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from birnn_lightning.optim.monitor import Mode, Monitor


class KerasReduceLROnPlateau(LRScheduler):
    """Keras's ``ReduceLROnPlateau`` as a scheduler, stepped with the value at every epoch's end.

    Unlike torch's scheduler of that name it lowers the rate at the ``patience``-th bad epoch, not
    one later, and its threshold is absolute.

    Args:
        optimizer: whose rate is lowered.
        monitor: the name of the value; only ``mode`` ``auto`` needs it.
        factor: the new rate as a multiple of the old, below 1.
        patience: bad epochs until the rate falls.
        mode: ``min``, ``max``, or ``auto``: by the name.
        min_delta: a change of no more than this is no improvement.
        cooldown: epochs after a fall in which none counts as bad.
        min_lr: where the rate stays.

    Attributes:
        best: the best value so far; None before the first.
        wait: bad epochs since.
        cooldown_counter: what is left of the cooldown.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        """Starts counting."""
        if not 0 <= factor < 1:
            raise ValueError(f"factor must be in [0, 1); got {factor}.")
        for name, number in (("patience", patience), ("cooldown", cooldown), ("min_lr", min_lr)):
            if number < 0:
                raise ValueError(f"{name} must not be negative; got {number}.")
        # Not LRScheduler's constructor, which would take a step: there is no value yet.
        self.optimizer = optimizer
        self.monitor = Monitor(name=monitor, mode=mode, min_delta=min_delta)
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Counts an epoch whose monitored value is ``metrics`` (a number or a tensor of one)."""
        value = float(metrics)
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and self._reduce():
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self) -> bool:
        """Whether any rate was above the lowest, and fell."""
        # Keras compares the rates in float32.
        lowest = np.float32(self.min_lr)
        groups = [
            group for group in self.optimizer.param_groups if np.float32(group["lr"]) > lowest
        ]
        for group in groups:
            group["lr"] = max(group["lr"] * self.factor, self.min_lr)
        return bool(groups)

    def get_last_lr(self) -> list[Any]:
        """The rates of the groups."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What was counted; the rate itself is in the optimiser's state."""
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting from a `state_dict`."""
        self.best = state_dict["best"]
        self.wait = state_dict["wait"]
        self.cooldown_counter = state_dict["cooldown_counter"]


def end_epoch(trainer: Trainer) -> None:
    """Steps the Trainer's schedulers that wait for a plateau, Keras's and torch's.

    It is called before the checkpoints of the epoch are saved, so that a resumed training counts
    the epoch. As in Keras, an epoch without validation has no value to count.

    Raises:
        ValueError: nothing of the monitored name was logged.
    """
    every = trainer.check_val_every_n_epoch or 1
    for config in trainer.lr_scheduler_configs:
        scheduler, name = config.scheduler, config.monitor
        if not isinstance(scheduler, KerasReduceLROnPlateau | ReduceLROnPlateau) or name is None:
            continue
        if name.startswith("val_") and (trainer.current_epoch + 1) % every:
            continue
        if name not in trainer.callback_metrics:
            raise ValueError(
                f"monitor must be a logged value: {', '.join(sorted(trainer.callback_metrics))}; "
                f"got {name!r}."
            )
        scheduler.step(trainer.callback_metrics[name])
