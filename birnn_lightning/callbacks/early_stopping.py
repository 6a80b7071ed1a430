"""Training stops when a monitored value stops improving, counted as Keras counts."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor

from birnn_lightning.optim.monitor import Mode, Monitor


class KerasEarlyStopping(EarlyStopping):
    """Keras's ``EarlyStopping``: the same epoch stops, and the best weights can come back.

    Unlike Lightning's it can restore weights, knows a baseline and a first epoch, never stops after
    the first epoch, and takes a NaN for a value that is no improvement.

    Args:
        monitor: the name of a logged value.
        min_delta: a change of no more than this is no improvement; absolute.
        patience: epochs without improvement after which training stops.
        mode: ``min``, ``max``, or ``auto``: by the name.
        baseline: the wait starts anew only with values better than this.
        restore_best_weights: whether the model ends with the weights of the best epoch, which are
            kept in memory and in checkpoints.
        start_from_epoch: epochs before this one (counted from 0) are not looked at.

    Attributes:
        wait: epochs since the last improvement.
        best: the best value; None before the first.
        best_epoch: its epoch, counted from 0.
        stopped_epoch: the epoch that stopped training; 0 when none did.
        best_weights: the state dict of the best epoch, on the CPU; None where not asked for.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        """Starts counting."""
        for name, number in (("patience", patience), ("start_from_epoch", start_from_epoch)):
            if number < 0:
                raise ValueError(f"{name} must not be negative; got {number}.")
        self.value = Monitor(name=monitor, mode=mode, min_delta=min_delta)
        # Lightning's class, for the Trainer calls it after the model has logged its epoch.
        super().__init__(monitor, patience=patience, mode=self.value.direction)
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.stopped_epoch = 0
        self.best_weights: dict[str, Tensor] | None = None
        self._validated = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets an earlier training; a checkpoint's state comes after this."""
        if stage == "fit":
            self._reset()

    def state_dict(self) -> dict[str, Any]:
        """What was counted, and the best weights."""
        names = ("wait", "best", "best_epoch", "stopped_epoch", "best_weights")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting from a `state_dict`."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes that the values of validation are new."""
        self._validated = not self._should_skip_check(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the epoch.

        Raises:
            ValueError: nothing of the monitored name was logged.
        """
        new, self._validated = self._validated, False
        if self.monitor.startswith("val_") and not new:
            return
        if self.monitor not in trainer.callback_metrics:
            raise ValueError(
                f"monitor must be a logged value: {', '.join(sorted(trainer.callback_metrics))}; "
                f"got {self.monitor!r}."
            )
        value = float(trainer.callback_metrics[self.monitor])
        stop = self.count(trainer.current_epoch, value, pl_module)
        # All processes stop, or none.
        if trainer.strategy.reduce_boolean_decision(stop, all=False):
            self.stopped_epoch = trainer.current_epoch
            trainer.should_stop = True

    def count(self, epoch: int, value: float, model: LightningModule) -> bool:
        """Whether training stops after an epoch (counted from 0) with this value."""
        if epoch < self.start_from_epoch:
            return False
        self.wait += 1
        if self.value.improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                state = model.state_dict().items()
                self.best_weights = {name: weight.to("cpu", copy=True) for name, weight in state}
            if self.baseline is None or self.value.improves(value, self.baseline):
                self.wait = 0
            return False
        return self.wait >= self.patience and epoch > 0

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores the best weights, after the average of the weights has been put in place."""
        if self.best_weights is not None:
            pl_module.load_state_dict(self.best_weights)
