"""A training that is resumed from any of its checkpoints equals, bit for bit, one that was not."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from birnn_lightning import BiGRUClassifier, DigitsDataModule, SequenceClassifier
from birnn_lightning.callbacks import RandomState
from birnn_lightning.data import Batch, ClassificationDataModule
from tests.nn.samples import HIDDEN, INPUT
from tests.nn.training import TinySeries, quiet_trainer

# A resumed training saves to a folder of its own, so that the first one's checkpoints stay.
pytestmark = pytest.mark.filterwarnings("ignore:The dirpath has changed")
STEPS_PER_EPOCH = 5


class Diary(Callback):
    """What each step met: epoch, batch, learning rate, and the loss that dropout left."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, float, float, float]] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        numbers = (float(batch.inputs.sum()), rate, float(outputs["loss"].detach()))
        self.steps.append((trainer.current_epoch, *numbers))


def new_model(seed: int, **settings: Any) -> SequenceClassifier:
    torch.manual_seed(seed)
    sizes = {"input_size": INPUT, "hidden_size": HIDDEN, "task": "binary", **settings}
    return BiGRUClassifier(dropout=0.5, num_layers=2, **sizes)


def train(
    root: Path,
    model: SequenceClassifier,
    data: ClassificationDataModule,
    saving: dict[str, Any],
    settings: dict[str, Any],
    checkpoint: Path | None = None,
    random_state: tuple[Callback, ...] = (RandomState(),),
) -> Diary:
    """Trains, and saves to ``root`` as ``saving`` says."""
    diary = Diary()
    saver = ModelCheckpoint(root, "{epoch}-{step:02d}", **{"save_top_k": -1, **saving})
    callbacks = [*random_state, diary, saver]
    trainer = quiet_trainer(root, enable_checkpointing=True, callbacks=callbacks, **settings)
    trainer.fit(model, data, ckpt_path=checkpoint)
    return diary


def differences(uninterrupted: tuple[Any, Diary], resumed: tuple[Any, Diary]) -> list[str]:
    """What the resumed training did otherwise."""
    (model, diary), (ours, rest) = uninterrupted, resumed
    found = []
    if rest.steps != diary.steps[len(diary.steps) - len(rest.steps) :]:
        found.append(f"steps {rest.steps} are not the end of {diary.steps}")
    state = model.state_dict()
    for name, value in ours.state_dict().items():
        if not torch.equal(value, state[name]):
            found.append(f"{name} differs")
    return found


EPOCHS, STEPS = {"max_epochs": 2}, {"max_epochs": -1, "max_steps": 11}
SAVING = {
    "at the end of an epoch": {"save_on_train_epoch_end": True},
    "after every second step": {"every_n_train_steps": 2},
    "after the last step of an epoch": {"every_n_train_steps": STEPS_PER_EPOCH},
}
TRAINING = {"epochs": EPOCHS, "steps": STEPS}
CASES: list[Any] = [
    pytest.param(saving, settings, {}, id=f"{save}, {length}")
    for (save, saving), (length, settings) in itertools.product(SAVING.items(), TRAINING.items())
]
CASES += [
    pytest.param(
        {"every_n_train_steps": 2},
        {**EPOCHS, "limit_train_batches": 3},
        {},
        id="limited epochs",
    ),
    pytest.param(
        {"every_n_train_steps": 3}, {**STEPS, "limit_train_batches": 3}, {}, id="limited steps"
    ),
    pytest.param(
        {"monitor": "val_loss"}, {**EPOCHS, "val_check_interval": 2}, {}, id="validation inside"
    ),
    pytest.param(
        {"every_n_train_steps": 3}, {**STEPS, "val_check_interval": 2}, {}, id="both inside"
    ),
    pytest.param(
        {"save_on_train_epoch_end": True},
        {**STEPS, "val_check_interval": 2},
        {},
        id="end of an epoch after validation inside",
    ),
    pytest.param(
        {"every_n_train_steps": 2},
        EPOCHS,
        {"schedule": "cosine", "warmup_steps": 3},
        id="cosine schedule",
    ),
    pytest.param(
        {"save_on_train_epoch_end": True},
        {"max_epochs": 3},
        {"schedule": "plateau", "patience": 0, "learning_rate": 1e-6},
        id="plateau schedule",
    ),
    pytest.param(
        {"every_n_train_steps": 3},
        EPOCHS,
        {
            "optimizer": "keras_adam",
            "optimizer_settings": {"amsgrad": True, "use_ema": True, "clipnorm": 0.1},
            "schedule": "cosine_decay",
            "schedule_settings": {"decay_steps": 7, "alpha": 0.1},
        },
        id="optimiser and schedule of Keras",
    ),
    pytest.param(
        {"save_on_train_epoch_end": True},
        {"max_epochs": 3},
        {
            "schedule": "reduce_lr_on_plateau",
            "schedule_settings": {"patience": 1, "cooldown": 1},
            "learning_rate": 1e-6,
        },
        id="plateau of Keras",
    ),
    pytest.param(
        {"every_n_train_steps": 2},
        {**EPOCHS, "accumulate_grad_batches": 2},
        {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.1},
        id="accumulated gradients",
    ),
]


@pytest.mark.parametrize(("saving", "settings", "model_settings"), CASES)
def test_resuming_equals_no_interruption(
    saving: dict, settings: dict, model_settings: dict, tmp_path: Path
) -> None:
    model = new_model(seed=0, **model_settings)
    uninterrupted = model, train(tmp_path, model, TinySeries(), saving, settings)
    *checkpoints, _ = sorted(tmp_path.glob("*.ckpt"))  # the last leaves nothing to do
    for checkpoint in {checkpoints[0], checkpoints[-1]}:
        ours = new_model(seed=1, **model_settings)
        again = tmp_path / checkpoint.stem
        rest = train(again, ours, TinySeries(), saving, settings, checkpoint)
        assert rest.steps
        assert differences(uninterrupted, (ours, rest)) == [], checkpoint.name


def test_resuming_with_a_worker_process(tmp_path: Path) -> None:
    saving, data = {"every_n_train_steps": 7}, TinySeries(num_workers=1)
    model, ours = new_model(seed=0), new_model(seed=1)
    uninterrupted = model, train(tmp_path, model, TinySeries(), saving, {"max_epochs": 2})
    (checkpoint,) = tmp_path.glob("*.ckpt")
    rest = train(tmp_path / "again", ours, data, saving, {"max_epochs": 2}, checkpoint)
    assert len(rest.steps) == 3
    assert differences(uninterrupted, (ours, rest)) == []


def test_resuming_on_digits(tmp_path: Path) -> None:
    saving, settings = {"every_n_train_steps": 3}, {"max_epochs": 2, "limit_val_batches": 1}
    sizes = {"input_size": 8, "task": "multiclass", "num_classes": 10}
    model, ours = new_model(seed=0, **sizes), new_model(seed=1, **sizes)
    data = DigitsDataModule(batch_size=701)
    uninterrupted = model, train(tmp_path, model, data, saving, settings)
    (checkpoint,) = tmp_path.glob("*.ckpt")
    data = DigitsDataModule(batch_size=701)
    rest = train(tmp_path / "again", ours, data, saving, settings, checkpoint)
    assert len(rest.steps) == 1
    assert differences(uninterrupted, (ours, rest)) == []


def test_the_comparison_fails_without_the_random_state(tmp_path: Path) -> None:
    saving, settings = {"every_n_train_steps": 2}, {"max_epochs": 1}
    model, ours = new_model(seed=0), new_model(seed=1)
    uninterrupted = model, train(tmp_path, model, TinySeries(), saving, settings, None, ())
    checkpoint = min(tmp_path.glob("*.ckpt"))
    rest = train(tmp_path / "again", ours, TinySeries(), saving, settings, checkpoint, ())
    met = [(epoch, batch) for epoch, batch, _, _ in rest.steps]
    assert met == [(epoch, batch) for epoch, batch, _, _ in uninterrupted[1].steps[2:]]
    assert differences(uninterrupted, (ours, rest))


class Restarted(Callback):
    """Counts the ends of epochs."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs.append(trainer.current_epoch)


def test_an_ended_epoch_does_not_end_again(tmp_path: Path) -> None:
    saving, model = {"save_on_train_epoch_end": True}, new_model(seed=0)
    train(tmp_path, model, TinySeries(), saving, STEPS)
    spy = Restarted()
    checkpoint = tmp_path / f"epoch=0-step={STEPS_PER_EPOCH:02d}.ckpt"
    again = (RandomState(), spy)
    train(tmp_path / "again", model, TinySeries(), saving, STEPS, checkpoint, again)
    assert spy.epochs == [1, 2]


def test_a_checkpoint_with_a_random_state_is_read_safely(tmp_path: Path) -> None:
    train(tmp_path, new_model(seed=0), TinySeries(), {}, {"max_epochs": 1})
    (path,) = tmp_path.glob("*.ckpt")
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["callbacks"]["RandomState"]["cpu"].dtype == torch.uint8
    assert SequenceClassifier.load_from_checkpoint(path).preprocessing is not None
