"""A resumed training draws the random numbers that the uninterrupted one would have drawn."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class RandomState(Callback):
    """Keeps torch's random state (dropout's) in the checkpoint.

    It is restored in a single process only: a checkpoint holds the state of the first one, and the
    others must not draw the same numbers.
    """

    def __init__(self) -> None:
        """Starts with nothing to restore."""
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The state of the CPU's generator and of each GPU's."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps the state for the first step of training."""
        self._restored = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets an epoch that had ended be over: the number of the epoch decides its order.

        With ``max_steps``, Lightning 2.6 would end it, and count it, a second time.
        """
        loop = trainer.fit_loop
        if loop.restarted_on_epoch_end:
            loop.epoch_progress.increment_completed()
            loop.on_iteration_done()
            loop.epoch_loop.restarting = False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restores the state once, after everything that draws numbers on the way here."""
        state, self._restored = self._restored, None
        if state is None or trainer.world_size > 1:
            return
        torch.set_rng_state(state["cpu"].cpu())
        if len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
