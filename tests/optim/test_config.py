"""Optimisers are torch's or Keras's, with the settings that were given by name."""

import re
from typing import Any, get_args

import pytest
import torch
from torch import nn

from birnn_lightning.optim import OptimizerConfig
from birnn_lightning.optim.config import FUSED, KERAS_NAMES, OPTIMIZERS, OWN_SETTINGS, OptimizerName
from birnn_lightning.optim.keras import KERAS_OPTIMIZERS, KerasOptimizer
from tests.nn.samples import INPUT, uniform

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.7},
}
CASES = [
    pytest.param(name, settings, id=f"{name} {kind}")
    for name in OPTIMIZERS
    if name not in KERAS_NAMES
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
    result = after_steps(config.build([("weight", ours)], fused=fused), ours)
    assert result == pytest.approx(after_steps(reference, theirs), abs=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_where_torch_has_it(name: Any) -> None:
    optimizer = OptimizerConfig(optimizer=name).build([("weight", new_weight())], fused=True)
    assert bool(optimizer.defaults.get("fused")) == (name in FUSED)


KERAS_SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "settings": {"clipnorm": 0.7, "use_ema": True, "ema_momentum": 0.9},
}


@pytest.mark.parametrize("kind", KERAS_SETTINGS)
@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_optimisers_are_those_of_keras(name: str, kind: str) -> None:
    ours, theirs, settings = new_weight(), new_weight(), KERAS_SETTINGS[kind]
    config = OptimizerConfig(
        optimizer=f"keras_{name}",  # type: ignore[arg-type]
        learning_rate=0.05,
        weight_decay=0.1,
        optimizer_settings=settings,
    )
    reference = KERAS_OPTIMIZERS[name]([theirs], learning_rate=0.05, weight_decay=0.1, **settings)
    result = after_steps(config.build([("weight", ours)], fused=True), ours)
    assert result == after_steps(reference, theirs)
    without = OptimizerConfig(optimizer=config.optimizer, learning_rate=0.05)
    plain = new_weight()
    assert result != after_steps(without.build([("weight", plain)]), plain)


def test_the_settings_of_torch_optimisers() -> None:
    ours, theirs = new_weight(), new_weight()
    settings = {"betas": [0.7, 0.95], "amsgrad": True}
    config = OptimizerConfig(learning_rate=0.05, optimizer_settings=settings)
    reference = torch.optim.Adam([theirs], lr=0.05, betas=(0.7, 0.95), amsgrad=True)
    assert after_steps(config.build([("weight", ours)]), ours) == after_steps(reference, theirs)


def test_names_decide_what_decays() -> None:
    decaying, excluded = new_weight(), new_weight()
    config = OptimizerConfig(
        optimizer="keras_sgd", weight_decay=0.5, exclude_from_weight_decay=["bias", "head"]
    )
    named = [("layers.head.kernel", excluded), ("layers.lower.kernel", decaying)]
    with pytest.raises(
        ValueError,
        match=r"^exclude_from_weight_decay must be parts of parameters' names: "
        r"layers.head.kernel, layers.lower.kernel; got 'bias'\.$",
    ):
        config.build(named)
    optimizer = config.build([*named, ("layers.lower.bias", bias := new_weight())])
    for weight in (decaying, excluded, bias):
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    start = new_weight().tolist()
    assert excluded.tolist() == bias.tolist() == start
    # Keras takes the rate times the decay from every weight.
    assert decaying.tolist() == pytest.approx([(1 - 5e-4) * one for one in start], abs=1e-12)


def test_variables_are_clipped_together() -> None:
    config = OptimizerConfig(
        optimizer="keras_sgd", learning_rate=1.0, optimizer_settings={"clipnorm": 1.0}
    )
    first, second = (nn.Parameter(torch.zeros(2)) for _ in range(2))
    named = [("first", first), ("second", second)]
    optimizer = config.build(named, variables=[(first, second)])
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    optimizer.step()
    # Together their norm is 5; each for itself would be clipped to 1.
    assert first.tolist() == pytest.approx([-0.6, 0.0])
    assert second.tolist() == pytest.approx([0.0, -0.8])


def test_names_are_those_of_the_tables() -> None:
    assert set(get_args(OptimizerName)) == set(OPTIMIZERS)
    assert all(issubclass(OPTIMIZERS[name], KerasOptimizer) for name in KERAS_NAMES)


@pytest.mark.parametrize("name", OWN_SETTINGS)
def test_what_the_config_gives_is_no_setting(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^optimizer_settings of keras_adam .*; got {name}\.$"):
        OptimizerConfig(optimizer="keras_adam", optimizer_settings={name: 0.1})


REFUSALS = [
    pytest.param(
        {"optimizer": "ftrl"},
        f"optimizer must be one of {', '.join(get_args(OptimizerName))}; got 'ftrl'.",
        id="optimizer",
    ),
    pytest.param(
        {"weight_decay": -0.1}, "weight_decay must not be negative; got -0.1.", id="weight_decay"
    ),
    pytest.param({"momentum": -1.0}, "momentum must not be negative; got -1.0.", id="momentum"),
    pytest.param(
        {"optimizer": "keras_sgd", "momentum": 0.9},
        "momentum is for sgd and rmsprop; got optimizer 'keras_sgd'. Keras's have it in "
        "optimizer_settings.",
        id="momentum of Keras's",
    ),
    pytest.param(
        {"optimizer": "sgd", "momentum": 0.9, "optimizer_settings": {"momentum": 0.8}},
        "momentum is given twice: 0.9, and in optimizer_settings 0.8.",
        id="momentum twice",
    ),
    pytest.param(
        {"optimizer": "rmsprop", "optimizer_settings": {"rho": 0.8}},
        "optimizer_settings of rmsprop must be among alpha, eps, momentum, centered, capturable, "
        "foreach, maximize, differentiable; got rho.",
        id="unknown setting",
    ),
    pytest.param(
        {"optimizer_settings": {"betas": [2.0, 0.9]}},
        "optimizer_settings of adam do not fit: Invalid beta parameter at index 0: 2.0",
        id="value of a setting",
    ),
    pytest.param(
        {"exclude_from_weight_decay": ["bias"]},
        f"exclude_from_weight_decay ['bias'] is for Keras's optimisers ({', '.join(KERAS_NAMES)}); "
        "got optimizer 'adam'.",
        id="exclusion with torch",
    ),
    pytest.param(
        {"embedding_gradients": "keras_tensorflow"},
        "embedding_gradients 'keras_tensorflow' is for Keras's optimisers "
        f"({', '.join(KERAS_NAMES)}); got optimizer 'adam'.",
        id="embedding gradients with torch",
    ),
    pytest.param(
        {"optimizer": "keras_adam", "embedding_gradients": "dense"},
        "embedding_gradients must be one of summed, keras_tensorflow; got 'dense'.",
        id="embedding gradients",
    ),
]


@pytest.mark.parametrize(("settings", "message"), REFUSALS)
def test_refusals(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        OptimizerConfig(**settings)


def test_configs_come_back() -> None:
    config = OptimizerConfig(
        optimizer="keras_sgd",
        learning_rate=0.2,
        weight_decay=0.01,
        optimizer_settings={"momentum": 0.9, "nesterov": True},
        exclude_from_weight_decay=["bias"],
        embedding_gradients="keras_tensorflow",
        schedule="piecewise_constant_decay",
        schedule_settings={"boundaries": [3], "values": [0.2, 0.1]},
        decay_factor=0.7,
        patience=5,
    )
    kept = config.to_config()
    assert OptimizerConfig.from_config(kept) == config
    defaults = OptimizerConfig().to_config()
    given = {name for name, value in defaults.items() if kept[name] != value}
    assert set(defaults) - given == {"momentum", "warmup_steps"}


def test_configs_of_older_runs_come_back() -> None:
    older = {
        "optimizer": "sgd",
        "learning_rate": 0.2,
        "weight_decay": 0.01,
        "momentum": 0.9,
        "schedule": "exponential",
        "warmup_steps": 3,
        "decay_factor": 0.7,
        "patience": 5,
    }
    config = OptimizerConfig.from_config(older)
    new = {
        "optimizer_settings": {},
        "exclude_from_weight_decay": [],
        "embedding_gradients": "summed",
        "schedule_settings": {},
    }
    assert config.to_config() == {**older, **new}
