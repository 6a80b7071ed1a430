"""The Keras optimiser, schedule and loss that correspond to a classifier's settings."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import ModelSpec
from birnn_lightning.optim import OptimizerConfig
from birnn_lightning.optim.keras import KERAS_OPTIMIZERS
from birnn_lightning.optim.schedules import KERAS_SCHEDULES
from parity.keras_model import find_variable, keras
from parity.layout import rows
from parity.results import ParityUnavailable

if TYPE_CHECKING:
    from parity.training.starts import KerasStart

OPTIMIZERS = {name: kind.__name__ for name, kind in KERAS_OPTIMIZERS.items()}
"""Keras's classes by the names of ours, which have the prefix ``keras_``."""

SCHEDULES = {name: kind.__name__ for name, kind in KERAS_SCHEDULES.items()}
"""Keras's classes by our names."""

TORCH_DEFAULTS: dict[str, dict[str, Any]] = {
    "adam": {"epsilon": 1e-8},
    "adamw": {"epsilon": 1e-8},
    "nadam": {"epsilon": 1e-8},
    "rmsprop": {"rho": 0.99, "epsilon": 1e-8},
    "adagrad": {"initial_accumulator_value": 0.0, "epsilon": 1e-10},
    "sgd": {},
}
"""Settings with which Keras's optimiser comes nearest to torch's of the same name."""


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Within, Keras makes optimisers and losses of this dtype."""
    kept = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(kept)


def optimizer_maker(
    model: keras.Model, copy: keras.Model, settings: SequenceClassifier, spec: ModelSpec
) -> Callable[[], Any]:
    """Makes the optimiser that trains a copy of a Keras model.

    Args:
        model: whose own optimiser it is like, where it is compiled.
        copy: what it trains.
        settings: our classifier, whose optimiser it corresponds to otherwise.
        spec: of the model.

    Raises:
        ParityUnavailable: there is no such optimiser here; or, when called, none in Keras.
    """
    own = getattr(model, "optimizer", None)
    if own is not None:
        if type(own).__name__ not in OPTIMIZERS.values():
            raise ParityUnavailable(
                f"the Keras model is compiled with {type(own).__name__}, which there is none of "
                f"here; there are {', '.join(OPTIMIZERS.values())}."
            )
        config = own_config(model)
        return lambda: type(own).from_config(config)
    excluded = settings.optimizer_config.exclude_from_weight_decay
    variables = [
        find_variable(copy, row.keras)
        for row in rows(spec)
        if any(part in name for part in excluded for name in row.torch)
    ]

    def make() -> Any:
        optimizer = _corresponding(settings.optimizer_config)
        if variables:
            optimizer.exclude_from_weight_decay(var_list=variables)
        return optimizer

    return make


def own_config(model: keras.Model) -> dict[str, Any]:
    """The config of the optimiser that a model is compiled with.

    Keras keeps the rate in float32: here it is the decimal number that was meant.
    """
    config = model.optimizer.get_config()  # type: ignore[union-attr]
    rate = config["learning_rate"]
    if isinstance(rate, float):
        config["learning_rate"] = float(str(np.float32(rate)))
    else:
        rate["config"] = _wide(rate["config"])
    return config


def _wide(settings: Any) -> Any:
    """The settings of a schedule, which Keras on TensorFlow computes in float32 otherwise."""
    if isinstance(settings, dict):
        return {name: _wide(value) for name, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [_wide(value) for value in settings]
    return np.float64(settings) if isinstance(settings, float) else settings


def _corresponding(config: OptimizerConfig) -> Any:
    """The Keras optimiser of these settings, or the one nearest to a torch optimiser's."""
    name = config.optimizer.removeprefix("keras_")
    exact = config.optimizer.startswith("keras_")
    if name not in OPTIMIZERS or not (exact or name in TORCH_DEFAULTS):
        raise ParityUnavailable(f"Keras has no optimiser that corresponds to {config.optimizer!r}.")
    settings = dict(config.optimizer_settings) if exact else dict(TORCH_DEFAULTS[name])
    if config.momentum:
        settings["momentum"] = config.momentum
    settings["weight_decay"] = config.weight_decay or (0.0 if name == "adamw" else None)
    kind = getattr(keras.optimizers, OPTIMIZERS[name])
    return kind(learning_rate=_rate(config), **settings)


def _rate(config: OptimizerConfig) -> Any:
    """The learning rate, or Keras's schedule of it."""
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule not in SCHEDULES:
        raise ParityUnavailable(
            f"Keras has no schedule that corresponds to {config.schedule!r}; use one of "
            f"{', '.join(('constant', *SCHEDULES))}."
        )
    kind = getattr(keras.optimizers.schedules, SCHEDULES[config.schedule])
    settings = dict(config.schedule_settings)
    if config.schedule != "piecewise_constant_decay":
        settings["initial_learning_rate"] = config.learning_rate
    return kind.from_config(_wide(kind(**settings).get_config()))


def our_settings(start: "KerasStart", model: SequenceClassifier) -> dict[str, Any] | None:
    """The fields of `OptimizerConfig` that make ours train as Keras does; None for none."""
    copy = start.model
    with floatx("float64"):
        optimizer = optimizer_maker(copy, copy, model, start.spec)()
        config = optimizer.get_config()
    names = {kind: name for name, kind in OPTIMIZERS.items()}
    name = names.get(type(optimizer).__name__)
    if name is None or not isinstance(config["learning_rate"], float):
        return None
    known = inspect.signature(KERAS_OPTIMIZERS[name]).parameters
    left_out = {"learning_rate", "weight_decay", "params", "variables"}
    return {
        "optimizer": f"keras_{name}",
        "learning_rate": config["learning_rate"],
        "weight_decay": config.get("weight_decay") or 0.0,
        "momentum": 0.0,
        "optimizer_settings": {
            key: value for key, value in config.items() if key in known and key not in left_out
        },
    }


def loss_maker(model: keras.Model, settings: SequenceClassifier) -> Callable[[], Any]:
    """Makes the loss that a Keras model is compiled with, or the one of our classifier's task."""
    own: Any = getattr(model, "loss", None)
    if isinstance(own, keras.losses.Loss):
        config = {**own.get_config(), "dtype": None}
        return lambda: type(own).from_config(config)
    if own is not None:
        return lambda: own
    losses, smoothing = keras.losses, settings.label_smoothing
    if settings.task in ("binary", "multilabel"):
        return lambda: losses.BinaryCrossentropy(label_smoothing=smoothing)
    if settings.task == "regression":
        return losses.MeanSquaredError
    if smoothing:
        return lambda: losses.CategoricalCrossentropy(label_smoothing=smoothing)
    return losses.SparseCategoricalCrossentropy


def takes_indices(loss: Any) -> bool:
    """Whether a Keras loss takes class indices, and not a probability for every class."""
    name = loss if isinstance(loss, str) else type(loss).__name__
    return "sparse" in name.lower()


def compile_like(twin: keras.Model, model: SequenceClassifier) -> None:
    """Compiles a Keras twin with the optimiser and the loss that correspond to our classifier's."""
    own: Any = model.spec
    optimizer = optimizer_maker(twin, twin, model, own)()
    twin.compile(optimizer, loss_maker(twin, model)())
