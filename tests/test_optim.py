"""Optimisers are torch's, and a schedule's rate at every step is its formula."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from birnn_lightning import BiRNNClassifier
from birnn_lightning.optim import FUSED, OPTIMIZERS, SCHEDULES, OptimizerConfig
from tests.nn.samples import HIDDEN, INPUT, uniform
from tests.nn.training import TinySeries, quiet_trainer

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.7},
}
CASES = [
    pytest.param(name, settings, id=f"{name} {kind}")
    for name in OPTIMIZERS
    for kind, settings in SETTINGS.items()
    if kind != "momentum" or name in ("sgd", "rmsprop")
]


def after_steps(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> list[float]:
    for step in range(3):
        weight.grad = uniform(INPUT, seed=step)
        optimizer.step()
    return weight.tolist()


def new_weight() -> nn.Parameter:
    return nn.Parameter(uniform(INPUT, seed=10))


@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_optimisers_are_those_of_torch(name: Any, settings: dict, fused: bool) -> None:
    ours, theirs = new_weight(), new_weight()
    config = OptimizerConfig(optimizer=name, learning_rate=0.05, **settings)
    # torch's own defaults differ: weight_decay of AdamW is 0.01.
    reference = OPTIMIZERS[name]([theirs], **{"lr": 0.05, "weight_decay": 0.0, **settings})
    result = after_steps(config.build([ours], fused=fused), ours)
    assert result == pytest.approx(after_steps(reference, theirs), abs=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_where_torch_has_it(name: Any) -> None:
    optimizer = OptimizerConfig(optimizer=name).build([new_weight()], fused=True)
    assert bool(optimizer.defaults.get("fused")) == (name in FUSED)


TOTAL, EPOCH, WARMUP = 23, 5, 3
LENGTH = {"total_steps": TOTAL, "steps_per_epoch": EPOCH}
FACTORS = [
    pytest.param({}, {0: 1.0, 22: 1.0}, id="constant"),
    pytest.param({"schedule": "linear"}, {0: 1.0, 1: 22 / 23, 22: 1 / 23, 23: 0.0}, id="linear"),
    pytest.param(
        {"schedule": "cosine"},
        {0: 1.0, 1: (1 + math.cos(math.pi / 23)) / 2, 23: 0.0, 30: 0.0},
        id="cosine",
    ),
    pytest.param(
        {"schedule": "exponential", "decay_factor": 0.3},
        {0: 1.0, 4: 1.0, 5: 0.3, 9: 0.3, 10: 0.3**2, 22: 0.3**4},
        id="exponential",
    ),
    pytest.param({"warmup_steps": 3}, {0: 1 / 3, 1: 2 / 3, 2: 1.0, 3: 1.0, 22: 1.0}, id="warmup"),
    pytest.param(
        {"warmup_steps": 3, "schedule": "linear"},
        {0: 1 / 3, 2: 1.0, 3: 1.0, 4: 19 / 20, 23: 0.0},
        id="warmup, linear",
    ),
    pytest.param(
        {"warmup_steps": 3, "schedule": "cosine"},
        {1: 2 / 3, 3: 1.0, 13: 0.5, 23: 0.0},
        id="warmup, cosine",
    ),
    pytest.param(
        {"warmup_steps": 3, "schedule": "exponential"},
        {2: 1.0, 3: 1.0, 7: 1.0, 8: 0.5, 13: 0.25},
        id="warmup, exponential",
    ),
]


@pytest.mark.parametrize(("settings", "factors"), FACTORS)
def test_rate_factors(settings: dict, factors: dict[int, float]) -> None:
    config = OptimizerConfig(**settings)
    ours = {step: config.rate_factor(step, **LENGTH) for step in factors}
    assert ours == pytest.approx(factors, abs=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_first_rate_is_the_same_for_every_length(schedule: Any) -> None:
    """So that nobody need know the length before training starts."""
    for warmup in (0, WARMUP) if schedule != "plateau" else (0,):
        config = OptimizerConfig(schedule=schedule, warmup_steps=warmup)
        shortest = config.rate_factor(0, total_steps=1, steps_per_epoch=1)
        assert shortest == config.rate_factor(0, **LENGTH)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_no_end_to_fall_to(schedule: Any) -> None:
    config = OptimizerConfig(schedule=schedule)
    message = f"schedule '{schedule}' falls over the whole training, and its length is not known."
    with pytest.raises(ValueError, match=f"^{re.escape(message)} Give the Trainer max_steps"):
        config.rate_factor(1, total_steps=math.inf, steps_per_epoch=EPOCH)


class Rates(Callback):
    """The learning rate of every step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def rates(root: Path, settings: dict[str, Any], **trainer_settings: Any) -> Sequence[float]:
    """The rates of a training of 5 steps an epoch, as multiples of the learning rate."""
    spy = Rates()
    trainer = quiet_trainer(root, callbacks=[spy], **trainer_settings)
    model = BiRNNClassifier(
        input_size=INPUT, hidden_size=HIDDEN, task="binary", learning_rate=1e-3, **settings
    )
    trainer.fit(model, TinySeries())
    return [rate / 1e-3 for rate in spy.seen]


TRAININGS = [
    pytest.param("cosine", {"max_epochs": 2}, 10, 5, id="epochs"),
    pytest.param("linear", {"max_epochs": -1, "max_steps": 7}, 7, 5, id="steps"),
    pytest.param("exponential", {"max_epochs": -1, "max_steps": 7}, 7, 5, id="epochs of steps"),
    pytest.param("exponential", {"max_epochs": 99, "max_steps": 7}, 7, 5, id="steps end it"),
    pytest.param("linear", {"max_epochs": 2, "limit_train_batches": 3}, 6, 3, id="limited"),
]


@pytest.mark.parametrize(("schedule", "trainer_settings", "total", "epoch"), TRAININGS)
def test_rates_of_a_training(
    schedule: Any, trainer_settings: dict, total: int, epoch: int, tmp_path: Path
) -> None:
    settings = {"schedule": schedule, "warmup_steps": 2}
    length = {"total_steps": total, "steps_per_epoch": epoch}
    config = OptimizerConfig(**settings)
    expected = [config.rate_factor(step, **length) for step in range(total)]
    assert rates(tmp_path, settings, **trainer_settings) == pytest.approx(expected, abs=1e-12)


def test_rates_count_steps_of_accumulated_gradients(tmp_path: Path) -> None:
    ours = rates(tmp_path, {"schedule": "linear"}, max_epochs=1, accumulate_grad_batches=2)
    assert ours == pytest.approx([1, 1, 2 / 3, 2 / 3, 1 / 3])


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    """A rate of next to nothing changes no loss: every epoch after the first is a bad one."""
    settings = {"schedule": "plateau", "patience": 1, "decay_factor": 0.25}
    model = BiRNNClassifier(
        input_size=INPUT,
        hidden_size=HIDDEN,
        task="binary",
        optimizer="sgd",
        learning_rate=1e-30,
        **settings,
    )
    trainer = quiet_trainer(tmp_path, callbacks=[spy := Rates()], max_epochs=4)
    trainer.fit(model, TinySeries())
    by_epoch = spy.seen[:: len(spy.seen) // 4]
    assert by_epoch == pytest.approx([1e-30, 1e-30, 1e-30, 0.25e-30])


@pytest.mark.parametrize("schedule", ["constant", "exponential"])
def test_a_training_without_end(schedule: Any, tmp_path: Path) -> None:
    """Only what falls over the whole training needs its length."""
    settings = {"schedule": schedule, "warmup_steps": 2}
    ours = rates(tmp_path, settings, max_epochs=-1, max_time={"seconds": 0})
    assert ours[:2] == [0.5, 1.0][: len(ours)]


REFUSALS = [
    pytest.param(
        {"optimizer": "lion"},
        "optimizer must be one of adam, adamw, nadam, radam, sgd, rmsprop, adagrad; got 'lion'.",
        id="optimizer",
    ),
    pytest.param(
        {"schedule": "step"},
        "schedule must be one of constant, linear, cosine, exponential, plateau; got 'step'.",
        id="schedule",
    ),
    pytest.param(
        {"weight_decay": -0.1}, "weight_decay must not be negative; got -0.1.", id="weight_decay"
    ),
    pytest.param({"momentum": -1.0}, "momentum must not be negative; got -1.0.", id="momentum"),
    pytest.param(
        {"warmup_steps": -1}, "warmup_steps must not be negative; got -1.", id="warmup_steps"
    ),
    pytest.param({"patience": -1}, "patience must not be negative; got -1.", id="patience"),
    pytest.param(
        {"learning_rate": 0.0}, "learning_rate must be positive; got 0.0.", id="learning_rate"
    ),
    pytest.param(
        {"decay_factor": 0.0}, "decay_factor must be in (0, 1]; got 0.0.", id="decay_factor"
    ),
    pytest.param(
        {"momentum": 0.9},
        "momentum is for sgd and rmsprop; got optimizer 'adam'.",
        id="momentum of adam",
    ),
    pytest.param(
        {"schedule": "plateau", "warmup_steps": 1},
        "warmup_steps does not go with schedule 'plateau'. Use another.",
        id="plateau after warmup",
    ),
]


@pytest.mark.parametrize(("settings", "message"), REFUSALS)
def test_refusals(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        OptimizerConfig(**settings)


def test_configs_come_back() -> None:
    config = OptimizerConfig(
        optimizer="sgd",
        learning_rate=0.2,
        weight_decay=0.01,
        momentum=0.9,
        schedule="exponential",
        warmup_steps=3,
        decay_factor=0.7,
        patience=5,
    )
    assert OptimizerConfig.from_config(config.to_config()) == config
