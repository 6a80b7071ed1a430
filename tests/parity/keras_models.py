"""Keras models as users build them, with every weight random."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the models are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

L = keras.layers


def random_keras(model: Any, seed: int = 3) -> Any:
    """Every weight of a Keras model random, moving statistics too; variances are positive."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 1.5) if "variance" in weight.path else (-0.7, 0.7)
        weight.assign(generator.uniform(low, high, tuple(weight.shape)))
    return model


def state_bytes(model: Any) -> dict[str, bytes]:
    """A classifier's tensors, bit for bit."""
    return {name: tensor.numpy().tobytes() for name, tensor in model.model.state_dict().items()}


def series() -> Any:
    return keras.Input((None, 3), name="series")


def ending(tensor: Any, **settings: Any) -> Any:
    return L.Dense(11, name="verdict", **{"activation": "softmax", **settings})(tensor)


def of_series(*layers: Any) -> Any:
    """A functional model of layers on one another, after three features."""
    entry = tensor = series()
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(entry, ending(tensor))


def of_tokens(*layers: Any, mask_zero: bool = True, dtype: str = "float32") -> Any:
    entry = keras.Input((None,), name="words", dtype=dtype)
    tensor = L.Embedding(23, 3, mask_zero=mask_zero, name="vectors")(entry)
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(entry, ending(tensor))


def sequential(*layers: Any) -> Any:
    return keras.Sequential([*layers, L.Dense(1, activation="sigmoid")])
