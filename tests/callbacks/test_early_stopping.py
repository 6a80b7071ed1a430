"""Under a Trainer, training stops, resumes and ends with the weights that Keras's counting says."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from birnn_lightning import BiRNNClassifier
from birnn_lightning.callbacks import KerasEarlyStopping
from tests.nn.samples import HIDDEN, INPUT
from tests.nn.training import TinySeries, quiet_trainer

VALUES = [0.9, 0.5, 0.7, 0.6, 0.55, 0.8, 0.9]


class Scripted(LightningModule):
    """Its weight is the number of epochs trained; its values are given, one an epoch."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = values
        self.weight = nn.Parameter(torch.zeros(()))

    def train_dataloader(self) -> DataLoader:
        return DataLoader([0], batch_size=None)  # type: ignore[arg-type]

    val_dataloader = train_dataloader

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return -self.weight

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val_loss", self.values[self.current_epoch], batch_size=1)

    def on_train_epoch_end(self) -> None:
        self.log("train_accuracy", -self.values[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def train(root: Path, callback: KerasEarlyStopping, **settings: Any) -> tuple[Scripted, Trainer]:
    model = Scripted(settings.pop("values", VALUES))
    checkpoint = settings.pop("checkpoint", None)
    callbacks = [callback, *settings.pop("callbacks", ())]
    trainer = quiet_trainer(
        root, callbacks=callbacks, **{"max_epochs": 7, "log_every_n_steps": 1, **settings}
    )
    trainer.fit(model, ckpt_path=checkpoint)
    return model, trainer


CASES = [
    pytest.param({"patience": 2}, {}, 4, 1, id="patience"),
    pytest.param({"patience": 0}, {}, 3, 1, id="no patience"),
    pytest.param({"patience": 0}, {"values": [math.nan] * 7}, 2, 0, id="NaN"),
    pytest.param({"patience": 1, "start_from_epoch": 3}, {}, 6, 4, id="start_from_epoch"),
    pytest.param({"patience": 4}, {}, 6, 1, id="more patience"),
    pytest.param({"patience": 9}, {}, 7, 1, id="enough patience"),
    pytest.param({"patience": 3, "baseline": 0.2}, {}, 3, 1, id="baseline"),
    pytest.param({"patience": 1, "monitor": "train_accuracy"}, {}, 3, 1, id="logged last"),
    pytest.param({"patience": 1}, {"check_val_every_n_epoch": 2}, 4, 1, id="stale values"),
]


@pytest.mark.parametrize(("settings", "trainer_settings", "trained", "best"), CASES)
def test_where_training_stops(
    settings: dict, trainer_settings: dict, trained: int, best: int, tmp_path: Path
) -> None:
    callback = KerasEarlyStopping(**settings)
    model, trainer = train(tmp_path, callback, **trainer_settings)
    assert (trainer.current_epoch, callback.best_epoch) == (trained, best)
    assert model.weight == trained
    assert callback.stopped_epoch == (trained - 1 if trained < 7 else 0)


def test_the_best_weights_come_back(tmp_path: Path) -> None:
    callback = KerasEarlyStopping(patience=2, restore_best_weights=True)
    model, trainer = train(tmp_path, callback)
    assert (trainer.current_epoch, callback.best_epoch, model.weight.item()) == (4, 1, 2.0)


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("epoch", range(4))
def test_a_resumed_training_counts_on(epoch: int, tmp_path: Path) -> None:
    saver = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    settings = {"patience": 3, "restore_best_weights": True}
    saving = {"callbacks": [saver], "enable_checkpointing": True}
    train(tmp_path, KerasEarlyStopping(**settings), **saving)
    callback, checkpoint = KerasEarlyStopping(**settings), tmp_path / f"epoch={epoch}.ckpt"
    assert torch.load(checkpoint, weights_only=True)
    model, trainer = train(tmp_path, callback, checkpoint=checkpoint, **saving)
    assert (trainer.current_epoch, callback.best_epoch, model.weight.item()) == (5, 1, 2.0)


def test_another_training_counts_anew(tmp_path: Path) -> None:
    callback = KerasEarlyStopping(patience=2)
    for _ in range(2):
        _, trainer = train(tmp_path, callback)
        assert (trainer.current_epoch, callback.wait) == (4, 2)


def test_all_processes_stop_with_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def reduce(self: Any, decision: bool, all: bool = True) -> bool:
        asked.append((decision, all))
        return len(asked) == 2

    strategy = "lightning.pytorch.strategies.SingleDeviceStrategy.reduce_boolean_decision"
    monkeypatch.setattr(strategy, reduce, raising=False)
    _, trainer = train(tmp_path, KerasEarlyStopping(patience=9))
    assert asked == [(False, False)] * 2
    assert trainer.current_epoch == 2


def test_the_best_weights_replace_the_average(tmp_path: Path) -> None:
    """As in Keras, where averages are put in place before callbacks end."""
    means = []
    for restore in (False, True):
        torch.manual_seed(3)
        model = BiRNNClassifier(
            input_size=INPUT,
            hidden_size=HIDDEN,
            task="binary",
            optimizer="keras_sgd",
            learning_rate=0.1,
            optimizer_settings={"use_ema": True, "ema_momentum": 0.9},
        )
        callback = KerasEarlyStopping(patience=9, restore_best_weights=restore)
        quiet_trainer(tmp_path, callbacks=[callback], max_epochs=2).fit(model, TinySeries())
        optimizer = model.trainer.optimizers[0]
        average = {name: optimizer.state[one]["average"] for name, one in model.named_parameters()}
        expected = callback.best_weights if restore else average
        assert expected is not None
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, expected[name]), name
        means.append(torch.cat([one.flatten() for one in model.parameters()]).detach())
    assert not torch.allclose(*means)


REFUSALS = [
    pytest.param({"patience": -1}, "patience must not be negative; got -1.", id="patience"),
    pytest.param(
        {"start_from_epoch": -2},
        "start_from_epoch must not be negative; got -2.",
        id="start_from_epoch",
    ),
    pytest.param({"mode": "up"}, "mode must be one of auto, min, max; got 'up'.", id="mode"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSALS)
def test_refusals(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        KerasEarlyStopping(**settings)


def test_a_value_that_nobody_logs(tmp_path: Path) -> None:
    message = "monitor must be a logged value: train_accuracy, val_loss; got 'val_f1'."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        train(tmp_path, KerasEarlyStopping("val_f1"))
