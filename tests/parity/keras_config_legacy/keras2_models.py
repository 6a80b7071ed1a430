"""A model of Keras 2 is built again by Keras 3 from its normalised config, with its weights."""

import json
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional

import parity.keras_model  # noqa: F401  (registers the functions that are ours alone)
from parity.keras_config.legacy import NormalizedModel, normalized_model

DTYPE = "float64"


def randomized(model: Any, seed: int = 5) -> Any:
    """The model with random weights everywhere, variances among them positive."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [np.abs(random.normal(size=one.shape)) * 0.7 + 0.1 * random.normal(size=one.shape) + 0.05
         if "variance" in variable.name else random.normal(size=one.shape) * 0.7
         for variable, one in zip(model.weights, model.get_weights(), strict=True)]
    )  # fmt: skip
    return model


def normalized(model: Any, **changes: Any) -> NormalizedModel:
    """The config that `model`, of Keras 2, would have in a file, normalised."""
    settings = {"keras_version": "2.15.0", "backend": "tensorflow", **changes}
    config = json.loads(json.dumps(model.get_config()))
    return normalized_model(type(model).__name__, config, **settings)


def rebuilt(normal: NormalizedModel) -> Any:
    """The model that Keras 3 makes of a normalised config."""
    config = _complete(json.loads(json.dumps(normal.config)))
    cls = keras.Sequential if normal.class_name == "Sequential" else Functional
    return cls.from_config(config)


def _complete(value: Any) -> Any:
    """A config with what Keras 3 reads of a tensor before it looks for it, without our own key."""
    if isinstance(value, list):
        return [_complete(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        config = {"shape": [None], "dtype": DTYPE, **value["config"]}
        return {"class_name": "__keras_tensor__", "config": config}
    return {key: _complete(part) for key, part in value.items() if key != "weight_form"}


def difference(theirs: Any, inputs: Any, **changes: Any) -> tuple[float, float]:
    """The largest difference of predictions, and the largest prediction."""
    ours = rebuilt(normalized(theirs, **changes))
    ours.set_weights(theirs.get_weights())
    wanted = _outputs(theirs(inputs, training=False))
    got = _outputs(ours(inputs, training=False))
    assert [one.shape for one in got] == [one.shape for one in wanted]
    return (
        max(float(np.abs(a - b).max()) for a, b in zip(got, wanted, strict=True)),
        max(float(np.abs(one).max()) for one in wanted),
    )


def _outputs(value: Any) -> list[np.ndarray]:
    return [np.asarray(one) for one in (value if isinstance(value, list | tuple) else [value])]
