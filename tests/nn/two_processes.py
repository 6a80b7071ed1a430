"""A program that trains and tests in two processes; Lightning starts it again for the second."""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from birnn_lightning import BiGRUClassifier
from birnn_lightning.data import Batch
from tests.nn.samples import HIDDEN, INPUT
from tests.nn.training import TinySeries, quiet_trainer

EPOCHS, COUNT, BATCH_SIZE = 2, 45, 3


class Witness(Callback):
    """Which examples each stage met, known by the sum of their features."""

    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = defaultdict(list)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self._note(f"train {trainer.current_epoch}", batch)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._note(f"validation {trainer.current_epoch}", batch)

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._note("test", batch)

    def _note(self, stage: str, batch: Batch) -> None:
        self.seen[stage].extend(round(value, 3) for value in batch.inputs.sum((1, 2)).tolist())


def data() -> TinySeries:
    return TinySeries(count=COUNT, batch_size=BATCH_SIZE)


def main(root: Path, devices: int) -> None:
    """Trains, saves, tests, and writes what this process saw and measured."""
    torch.manual_seed(0)
    model = BiGRUClassifier(input_size=INPUT, hidden_size=HIDDEN, task="binary")
    witness = Witness()
    settings: dict[str, Any] = {"devices": devices, "strategy": "ddp", "max_epochs": EPOCHS}
    trainer = quiet_trainer(root, callbacks=[witness], **settings)
    trainer.fit(model, data())
    trainer.save_checkpoint(root / "model.ckpt")
    (reported,) = trainer.test(model, data(), verbose=False)
    assert model.confusion is not None
    report = {
        "world_size": trainer.world_size,
        "seen": witness.seen,
        "reported": reported,
        "confusion": model.confusion.tolist(),
    }
    path = root / f"process-{trainer.global_rank}.json"
    path.write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
