"""The same random training by an optimiser of ours and by Keras's of the same name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from birnn_lightning.optim.keras import KERAS_OPTIMIZERS

SHAPES = ((2, 3), (5,), (13, 7))
EMBEDDING = 2
TOKENS = 17
STEPS = 12
KERAS_NAMES = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adamax": "Adamax",
    "nadam": "Nadam",
    "lion": "Lion",
}
OWN_SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.7}),
    ("sgd", {"momentum": 0.7, "nesterov": True}),
    ("adam", {}),
    ("adam", {"amsgrad": True, "beta_1": 0.7, "beta_2": 0.8}),
    ("adam", {"fused": False}),
    ("adam", {"fused": False, "amsgrad": True, "beta_1": 0.4, "beta_2": 0.8}),
    ("adamw", {}),
    ("adamw", {"amsgrad": True, "weight_decay": 0.3}),
    ("rmsprop", {}),
    ("rmsprop", {"momentum": 0.7}),
    ("rmsprop", {"centered": True, "rho": 0.8}),
    ("rmsprop", {"centered": True, "momentum": 0.7}),
    ("adagrad", {}),
    ("adagrad", {"initial_accumulator_value": 0.7, "epsilon": 1e-3}),
    ("adadelta", {"rho": 0.7}),
    ("adamax", {}),
    ("adamax", {"beta_2": 0.8}),
    ("nadam", {}),
    ("lion", {}),
]
Gradient = np.ndarray | tuple[np.ndarray, np.ndarray] | None


@dataclass
class Training:
    """Start weights and gradients of every step.

    A gradient is an array, or pairs of rows and values, or None.
    """

    starts: list[np.ndarray]
    gradients: list[list[Gradient]]
    excluded: Sequence[int] = ()
    rate: float = 0.03


def random_training(dtype: str, *, sparse: bool = False) -> Training:
    """A training of random weights; one element in seven of every gradient is zero."""
    random = np.random.default_rng(23)

    def gradient(index: int) -> Gradient:
        shape = SHAPES[index]
        rows = random.integers(0, shape[0], TOKENS)
        if sparse and index == EMBEDDING:
            shape = (TOKENS, *shape[1:])
        values = random.normal(size=shape) * (random.random(shape) > 1 / 7)
        values = values.astype(dtype)
        return (rows, values) if sparse and index == EMBEDDING else values

    return Training(
        [random.normal(size=shape).astype(dtype) for shape in SHAPES],
        [[gradient(index) for index in range(len(SHAPES))] for _ in range(STEPS)],
    )


def scaled(training: Training, magnitudes: Sequence[float]) -> Training:
    """The training with gradients of other magnitudes, one for each weight, which start at 0."""
    return Training(
        [np.zeros_like(start) for start in training.starts],
        [
            [gradient * magnitude for gradient, magnitude in zip(step, magnitudes, strict=True)]  # type: ignore[operator]
            for step in training.gradients
        ],
    )


def trained_ours(name: str, settings: dict[str, Any], training: Training) -> dict[str, np.ndarray]:
    """Every weight and state after the training, with ours."""
    parameters = [torch.nn.Parameter(torch.tensor(start)) for start in training.starts]
    optimizer = KERAS_OPTIMIZERS[name](parameters, training.rate, **settings)  # type: ignore[call-arg]
    optimizer.exclude_from_weight_decay([parameters[index] for index in training.excluded])
    for gradients in training.gradients:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if isinstance(gradient, tuple):
                rows, values = (torch.tensor(part) for part in gradient)
                parameter.grad = torch.sparse_coo_tensor(
                    rows[None], values, parameter.shape, check_invariants=True
                )
            else:
                parameter.grad = None if gradient is None else torch.tensor(gradient)
        optimizer.step()
    found: dict[str, torch.Tensor] = {
        f"w{index}": parameter for index, parameter in enumerate(parameters)
    }
    for index, parameter in enumerate(parameters):
        for state, value in optimizer.state[parameter].items():
            found[f"w{index}_{state}"] = value
    found["iterations"] = torch.tensor(optimizer.iterations)
    if name == "nadam":
        found["u_product"] = torch.tensor(
            optimizer.param_groups[0]["u_product"], dtype=torch.float64
        )
    return {key: value.detach().numpy() for key, value in found.items()}


def trained_theirs(
    name: str, settings: dict[str, Any], training: Training
) -> dict[str, np.ndarray]:
    """Every weight and state after the training, with Keras's."""
    import keras
    import tensorflow as tf

    settings = {key: value for key, value in settings.items() if key != "fused"}
    with floatx(str(training.starts[0].dtype)):
        variables = [
            keras.Variable(start, name=f"w{index}") for index, start in enumerate(training.starts)
        ]
        optimizer = getattr(keras.optimizers, KERAS_NAMES[name])(training.rate, **settings)
        optimizer.build(variables)
        optimizer.exclude_from_weight_decay([variables[index] for index in training.excluded])
        for gradients in training.gradients:
            given = [
                tf.IndexedSlices(
                    tf.constant(gradient[1]), tf.constant(gradient[0]), tf.constant(variable.shape)
                )
                if isinstance(gradient, tuple)
                else gradient
                if gradient is None
                else tf.constant(gradient)
                for gradient, variable in zip(gradients, variables, strict=True)
            ]
            optimizer.apply(given)
    found = {
        variable.name: variable
        for variable in [*variables, *optimizer.variables]
        if variable.name.startswith("w")
    }
    found["iterations"] = optimizer.iterations
    if name == "nadam":
        found["u_product"] = optimizer._u_product
    return {key: np.asarray(value) for key, value in found.items()}


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Within, Keras keeps rates and factors in a dtype."""
    import keras

    kept = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(kept)


def assert_same(
    ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], tolerance: float
) -> None:
    """Asserts that Keras has what we have, within a tolerance relative to each array's scale."""
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        scale = np.abs(theirs[name]).max(initial=0.0)
        difference = np.abs(value - theirs[name]).max(initial=0.0)
        assert difference <= tolerance * scale, f"{name}: {difference / scale:.1e} of its scale"
