"""A model of Keras 2 is saved, and read from its file without any Keras."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from parity.keras_config.legacy import NormalizedModel, normalized_model
from parity.keras_files.reading import read_keras

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


def difference(theirs: Any, inputs: Any, semantics: str = "auto") -> tuple[float, float]:
    """The largest difference of ours, read from a file, and the largest prediction."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        theirs.save(path)
        ours = read_keras(path, semantics=semantics).classifier
    wanted = _outputs(theirs(inputs, training=False))
    got = _outputs(ours.predict(inputs))
    assert [one.shape for one in got] == [one.shape for one in wanted]
    assert all(one.dtype == DTYPE for one in got)
    return (
        max(float(np.abs(a - b).max()) for a, b in zip(got, wanted, strict=True)),
        max(float(np.abs(one).max()) for one in wanted),
    )


def _outputs(value: Any) -> list[np.ndarray]:
    return [np.asarray(one) for one in (value if isinstance(value, list | tuple) else [value])]
