"""On the same values our callbacks stop, restore and lower the rate at the epochs Keras does."""

import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from birnn_lightning.callbacks import KerasEarlyStopping
from birnn_lightning.optim import KerasReduceLROnPlateau

pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
pytestmark = pytest.mark.tensorflow

EPOCHS, SEQUENCES = 13, 211


def random_values(generator: np.random.Generator) -> list[float]:
    """Few levels, so that values come again and changes equal the least change; some are NaN."""
    values = generator.integers(0, 7, EPOCHS) * 0.05 + 0.3
    # As a model gives them: rounded to float32.
    values = [float(np.float32(value)) for value in values]
    return [math.nan if generator.random() < 0.1 else value for value in values]


class KerasModel:
    """What Keras's callbacks ask of a model: its weight is the number of the epoch."""

    def __init__(self, optimizer: Any = None) -> None:
        self.stop_training = False
        self.weights: list[int] = []
        self.optimizer = optimizer

    def get_weights(self) -> list[int]:
        return self.weights

    def set_weights(self, weights: list[int]) -> None:
        self.weights = weights


class OurModel(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.0))


def early_stopping_of_keras(settings: dict, values: list[float]) -> tuple[int, int, int]:
    """How many epochs were trained, the best one, and whose weights the model ends with."""
    import keras

    callback = keras.callbacks.EarlyStopping(**settings)
    callback.set_model(model := KerasModel())
    callback.on_train_begin()
    trained = 0
    while not model.stop_training and trained < len(values):
        model.weights = [trained]
        callback.on_epoch_end(trained, {callback.monitor: values[trained]})
        trained += 1
    callback.on_train_end()
    return trained, callback.best_epoch, model.weights[0]


def early_stopping_of_ours(settings: dict, values: list[float]) -> tuple[int, int, int]:
    callback, model = KerasEarlyStopping(**settings), OurModel()
    stop, trained = False, 0
    while not stop and trained < len(values):
        model.weight.data.fill_(trained)
        stop = callback.count(trained, values[trained], model)
        trained += 1
    callback.on_fit_end(None, model)  # type: ignore[arg-type]
    return trained, callback.best_epoch, int(model.weight)


def random_settings(generator: np.random.Generator, **choices: list[Any]) -> dict[str, Any]:
    return {name: values[generator.integers(len(values))] for name, values in choices.items()}


def test_early_stopping_is_that_of_keras() -> None:
    generator, ends = np.random.default_rng(7), []
    for _ in range(SEQUENCES):
        settings = random_settings(
            generator,
            monitor=["val_loss", "loss"],
            mode=["auto", "min", "max"],
            patience=[0, 1, 2, 3],
            min_delta=[0, 0.05, 0.1, -0.1],
            baseline=[None, None, 0.3, 0.4, 0.5],
            restore_best_weights=[True, False],
            start_from_epoch=[0, 0, 1, 3],
        )
        values = random_values(generator)
        ends.append(early_stopping_of_keras(settings, values))
        assert early_stopping_of_ours(settings, values) == ends[-1], (settings, values)
    # The comparison says something: trainings end at many epochs, and weights come back.
    assert len({trained for trained, _, _ in ends}) > 5
    assert sum(weights < trained - 1 for trained, _, weights in ends) > SEQUENCES / 4


@pytest.fixture
def float64() -> Iterator[None]:
    """Keras keeps the learning rate in ``floatx``."""
    import keras

    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(floatx)


def plateau_of_keras(settings: dict, rate: float, values: list[float]) -> list[float]:
    import keras

    callback = keras.callbacks.ReduceLROnPlateau(**settings)
    callback.set_model(model := KerasModel(keras.optimizers.SGD(rate)))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {callback.monitor: value})
        rates.append(float(model.optimizer.learning_rate))
    return rates


def plateau_of_ours(settings: dict, rate: float, values: list[float]) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(3))], lr=rate)
    scheduler = KerasReduceLROnPlateau(optimizer, **settings)
    rates = []
    for value in values:
        scheduler.step(value)
        rates += scheduler.get_last_lr()
    return rates


@pytest.mark.usefixtures("float64")
def test_plateaus_are_those_of_keras() -> None:
    generator, falls = np.random.default_rng(11), []
    for _ in range(SEQUENCES):
        settings = random_settings(
            generator,
            monitor=["val_loss", "loss"],
            mode=["auto", "min", "max"],
            factor=[0.1, 0.5, 0.9],
            patience=[0, 1, 2, 3],
            min_delta=[0, 1e-4, 0.05, -0.1],
            cooldown=[0, 0, 1, 3],
            # The last is the rate itself but for float32.
            min_lr=[0.0, 0.01, 0.03, 0.3 - 1e-12],
        )
        values = random_values(generator)
        theirs = plateau_of_keras(settings, 0.3, values)
        assert plateau_of_ours(settings, 0.3, values) == theirs, (settings, values)
        falls.append(len(set(theirs)) - 1)
    assert len(set(falls)) > 5


@pytest.mark.parametrize(
    ("ours", "name"),
    [(KerasEarlyStopping, "EarlyStopping"), (KerasReduceLROnPlateau, "ReduceLROnPlateau")],
)
def test_settings_and_defaults_are_those_of_keras(ours: type, name: str) -> None:
    import keras

    def defaults(callback: type) -> dict[str, Any]:
        parameters = inspect.signature(callback).parameters.items()
        foreign = ("verbose", "kwargs", "optimizer")
        return {key: one.default for key, one in parameters if key not in foreign}

    assert defaults(ours) == defaults(getattr(keras.callbacks, name))


def test_averages_are_final_before_best_weights_come_back() -> None:
    """The order in which Keras ends a training, which ours follows."""
    import keras

    calls: list[str] = []

    class SGD(keras.optimizers.SGD):
        def finalize_variable_values(self, var_list: Any) -> None:
            calls.append("finalize")

    class Spy(keras.callbacks.Callback):
        def on_train_end(self, logs: Any = None) -> None:
            calls.append("on_train_end")

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(SGD(0.1), "mse")
    model.fit(np.ones((2, 3)), np.ones((2, 1)), verbose="0", callbacks=[Spy()])
    assert calls == ["finalize", "on_train_end"]
