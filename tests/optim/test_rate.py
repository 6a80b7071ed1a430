"""A schedule's rate at every step is its formula."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from birnn_lightning import BiRNNClassifier
from birnn_lightning.optim.rate import WITH_WARMUP, RateConfig, ScheduleName
from birnn_lightning.optim.schedules import KERAS_SCHEDULES
from tests.nn.samples import HIDDEN, INPUT
from tests.nn.training import TinySeries, quiet_trainer

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
    config = RateConfig(**settings)
    ours = {step: config.rate_factor(step, **LENGTH) for step in factors}
    assert ours == pytest.approx(factors, abs=1e-15)


@pytest.mark.parametrize("schedule", WITH_WARMUP)
def test_the_first_rate_is_the_same_for_every_length(schedule: Any) -> None:
    """So that nobody need know the length before training starts."""
    for warmup in (0, WARMUP):
        config = RateConfig(schedule=schedule, warmup_steps=warmup)
        shortest = config.rate_factor(0, total_steps=1, steps_per_epoch=1)
        assert shortest == config.rate_factor(0, **LENGTH)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_no_end_to_fall_to(schedule: Any) -> None:
    config = RateConfig(schedule=schedule)
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
    config = RateConfig(**settings)
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
        learning_rate=1e-6,
        **settings,
    )
    trainer = quiet_trainer(tmp_path, callbacks=[spy := Rates()], max_epochs=4)
    trainer.fit(model, TinySeries())
    by_epoch = spy.seen[:: len(spy.seen) // 4]
    assert by_epoch == pytest.approx([1e-6, 1e-6, 1e-6, 0.25e-6], abs=0)


@pytest.mark.parametrize("schedule", ["constant", "exponential"])
def test_a_training_without_end(schedule: Any, tmp_path: Path) -> None:
    """Only what falls over the whole training needs its length."""
    settings = {"schedule": schedule, "warmup_steps": 2}
    ours = rates(tmp_path, settings, max_epochs=-1, max_time={"seconds": 0})
    assert ours[:2] == [0.5, 1.0][: len(ours)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        pytest.param("exponential_decay", {"decay_steps": 3, "decay_rate": 0.7}, id="exponential"),
        pytest.param("cosine_decay", {"decay_steps": 7, "alpha": 0.1}, id="cosine"),
        pytest.param(
            "piecewise_constant_decay",
            {"boundaries": [0, 5], "values": [2e-3, 5e-4, 1e-4]},
            id="piecewise",
        ),
    ],
)
@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_first_update_has_the_rate_of_step_0(
    name: Any, settings: dict, accumulated: int, tmp_path: Path
) -> None:
    config = {"schedule": name, "schedule_settings": settings}
    ours = rates(tmp_path, config, max_epochs=2, accumulate_grad_batches=accumulated)
    schedule = RateConfig(**config).keras_schedule()
    assert schedule is not None
    updates = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] if accumulated == 1 else [0, 0, 1, 1, 2, 3, 3, 4, 4, 5]
    assert ours == pytest.approx([schedule.rate(step) / 1e-3 for step in updates], abs=1e-15)


def test_a_warm_up_from_zero(tmp_path: Path) -> None:
    model = BiRNNClassifier(
        input_size=INPUT,
        hidden_size=HIDDEN,
        task="binary",
        learning_rate=0.0,
        schedule="cosine_decay",
        schedule_settings={"decay_steps": 7, "warmup_steps": 2, "warmup_target": 0.1},
    )
    trainer = quiet_trainer(tmp_path, callbacks=[spy := Rates()], max_epochs=1)
    trainer.fit(model, TinySeries())
    assert spy.seen[:3] == [0.0, 0.05, 0.1]


@pytest.mark.parametrize("monitor", ["val_loss", "train_accuracy"])
def test_keras_plateaus_count_epochs(monitor: str, tmp_path: Path) -> None:
    """A rate of next to nothing changes no loss: every epoch after the first is a bad one."""
    model = BiRNNClassifier(
        input_size=INPUT,
        hidden_size=HIDDEN,
        task="binary",
        optimizer="sgd",
        learning_rate=1e-6,
        schedule="reduce_lr_on_plateau",
        schedule_settings={"patience": 2, "factor": 0.25, "monitor": monitor},
    )
    trainer = quiet_trainer(tmp_path, callbacks=[spy := Rates()], max_epochs=5)
    trainer.fit(model, TinySeries())
    by_epoch = spy.seen[:: len(spy.seen) // 5]
    assert by_epoch == pytest.approx([1e-6, 1e-6, 1e-6, 0.25e-6, 0.25e-6], abs=0)


def test_every_schedule_of_keras_has_a_name() -> None:
    assert set(KERAS_SCHEDULES) < set(get_args(ScheduleName))


REFUSALS = [
    pytest.param(
        {"schedule": "step"},
        f"schedule must be one of {', '.join(get_args(ScheduleName))}; got 'step'.",
        id="schedule",
    ),
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
        {"schedule": "plateau", "warmup_steps": 1},
        "warmup_steps does not go with schedule 'plateau'. Use another.",
        id="plateau after warmup",
    ),
    pytest.param(
        {"schedule": "cosine_decay", "schedule_settings": {"decay_steps": 5}, "warmup_steps": 1},
        "warmup_steps does not go with schedule 'cosine_decay'. Use another.",
        id="cosine_decay after warmup",
    ),
    pytest.param(
        {"schedule": "linear", "schedule_settings": {"alpha": 0.1}},
        "schedule_settings of linear must be empty; got alpha. Its settings are warmup_steps, "
        "decay_factor and patience.",
        id="settings of a schedule that has none",
    ),
    pytest.param(
        {"schedule": "cosine_decay", "schedule_settings": {"alpha": 0.1}},
        "schedule_settings of cosine_decay must say decay_steps; got {'alpha': 0.1}.",
        id="missing setting",
    ),
    pytest.param(
        {"schedule": "cosine_decay", "schedule_settings": {"decay_steps": 7, "beta": 0.1}},
        "schedule_settings of cosine_decay must be among decay_steps, alpha, warmup_target, "
        "warmup_steps; got beta.",
        id="unknown setting",
    ),
    pytest.param(
        {
            "schedule": "cosine_decay",
            "schedule_settings": {"decay_steps": 7, "initial_learning_rate": 0.1},
        },
        "schedule_settings of cosine_decay must be among decay_steps, alpha, warmup_target, "
        "warmup_steps; got initial_learning_rate.",
        id="the rate itself",
    ),
    pytest.param(
        {"schedule": "cosine_decay", "schedule_settings": {"decay_steps": 0}},
        "schedule_settings of cosine_decay do not fit: decay_steps must be positive; got 0.",
        id="value of a setting",
    ),
    pytest.param(
        {"schedule": "reduce_lr_on_plateau", "schedule_settings": {"threshold": 0.1}},
        "schedule_settings of reduce_lr_on_plateau must be among monitor, factor, patience, mode, "
        "min_delta, cooldown, min_lr; got threshold.",
        id="unknown setting of a plateau",
    ),
    pytest.param(
        {"schedule": "reduce_lr_on_plateau", "schedule_settings": {"factor": 1.0}},
        "schedule_settings of reduce_lr_on_plateau do not fit: factor must be in [0, 1); got 1.0.",
        id="value of a plateau",
    ),
]


@pytest.mark.parametrize(("settings", "message"), REFUSALS)
def test_refusals(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RateConfig(**settings)


def test_a_plateau_of_a_value_that_nobody_logs(tmp_path: Path) -> None:
    settings = {"schedule": "reduce_lr_on_plateau", "schedule_settings": {"monitor": "val_mae"}}
    with pytest.raises(ValueError, match=r"^monitor must be a logged value: .*; got 'val_mae'\.$"):
        rates(tmp_path, settings, max_epochs=1)


def test_an_epoch_without_validation_is_not_counted(tmp_path: Path) -> None:
    settings = {"patience": 1, "min_delta": 99, "factor": 0.5}
    ours = rates(
        tmp_path,
        {"schedule": "reduce_lr_on_plateau", "schedule_settings": settings},
        max_epochs=6,
        check_val_every_n_epoch=2,
    )
    assert ours[::5] == pytest.approx([1, 1, 1, 1, 0.5, 0.5], abs=0)
