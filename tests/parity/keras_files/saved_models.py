"""Models for Keras 2 and 3 alike, and the variables that the weight table's paths name in them."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.forms import SAME
from parity.layout import Row

CELL = ("kernel", "recurrent_kernel", "bias")
NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")


def under(owner: str, *variables: str) -> list[str]:
    """Paths of an owner's variables."""
    return [f"{owner}/{variable}" for variable in variables]


def both(layer: str) -> list[str]:
    """Paths of a Bidirectional layer's variables."""
    return [
        *under(f"{layer}/forward_layer/cell", *CELL),
        *under(f"{layer}/backward_layer/cell", *CELL),
    ]


def stack(keras: Any) -> tuple[Any, list[str]]:
    """A Sequential model with several layers of each class."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((7,)),
            layers.Embedding(11, 3, name="tokens"),
            layers.Dropout(0.2, name="noise"),
            layers.Bidirectional(layers.LSTM(5, return_sequences=True), name="lower"),
            layers.Bidirectional(layers.LSTM(5, return_sequences=True), name="middle"),
            layers.Dropout(0.2, name="more_noise"),
            layers.GRU(5, name="upper"),
            layers.Dense(13, name="hidden"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(13, name="also_hidden"),
            layers.Dense(2, name="head"),
        ]
    )
    rows = [
        "tokens/embeddings",
        *both("lower"),
        *both("middle"),
        *under("upper/cell", *CELL),
        *under("hidden", "kernel", "bias"),
        *under("norm", *NORMALIZATION),
        *under("also_hidden", "kernel", "bias"),
        *under("head", "kernel", "bias"),
    ]
    return model, rows


def branches(keras: Any) -> tuple[Any, list[str]]:
    """A functional model: two inputs, a shared layer, cells in a stack, unlike directions."""
    layers = keras.layers
    left, right = keras.Input((7, 3), name="left"), keras.Input((7, 3), name="right")
    shared = layers.Conv1D(5, 3, padding="same", name="shared")
    merged = layers.Concatenate(name="merged")([shared(right), shared(left)])
    cells = [layers.LSTMCell(5), layers.GRUCell(3), layers.LSTMCell(5)]
    x = layers.RNN(cells, return_sequences=True, name="cells")(merged)
    x = layers.Bidirectional(
        layers.LSTM(5, return_sequences=True, use_bias=False),
        backward_layer=layers.GRU(5, return_sequences=True, go_backwards=True),
        name="unlike",
    )(x)
    x = layers.TimeDistributed(layers.Dense(3), name="steps")(x)
    x = layers.LayerNormalization(name="norm")(x)
    outputs = [
        layers.SimpleRNN(5, name="short")(x),
        layers.Bidirectional(layers.RNN([layers.GRUCell(3), layers.GRUCell(3)]), name="deep")(x),
    ]
    rows = [
        *under("deep/forward_layer/cell/cells/0", *CELL),
        *under("deep/forward_layer/cell/cells/1", *CELL),
        *under("deep/backward_layer/cell/cells/0", *CELL),
        *under("deep/backward_layer/cell/cells/1", *CELL),
        *under("short/cell", *CELL),
        *under("norm", "gamma", "beta"),
        *under("steps/layer", "kernel", "bias"),
        *under("unlike/forward_layer/cell", "kernel", "recurrent_kernel"),
        *under("unlike/backward_layer/cell", *CELL),
        *under("cells/cell/cells/0", *CELL),
        *under("cells/cell/cells/1", *CELL),
        *under("cells/cell/cells/2", *CELL),
        *under("shared", "kernel", "bias"),
    ]
    return keras.Model([left, right], outputs), rows


def _inner(keras: Any, name: str, freeze: bool) -> tuple[Any, list[str]]:
    layers = keras.layers
    first = layers.Dense(5, name=f"{name}_first")
    parts = [layers.BatchNormalization(name=f"{name}_norm"), layers.Dense(5, name=f"{name}_last")]
    model = keras.Sequential([keras.Input((5,)), first, *parts], name=name)
    first.trainable = not freeze
    rows = [
        *under(f"{name}_last", "kernel", "bias"),
        *under(f"{name}_first", "kernel", "bias"),
        *under(f"{name}_norm", *NORMALIZATION),
    ]
    return model, rows


def nested(keras: Any) -> tuple[Any, list[str]]:
    """Models inside a model, in TimeDistributed too, with parts that are not trained."""
    layers = keras.layers
    each, each_rows = _inner(keras, "each", freeze=True)
    free, free_rows = _inner(keras, "free", freeze=False)
    fixed, fixed_rows = _inner(keras, "fixed", freeze=False)
    fixed.trainable = False
    inputs = keras.Input((7, 5), name="inputs")
    x = layers.TimeDistributed(each, name="steps")(inputs)
    x = layers.LSTM(5, name="lstm")(x)
    step = keras.Input((5,), name="step")
    first = layers.Dense(5, name="twice")
    inside = keras.Model(step, layers.Dense(5, name="after")(free(first(first(step)))), name="in")
    outputs = layers.Dense(2, name="head")(fixed(inside(x)))
    rows = [
        *under("lstm/cell", *CELL),
        *under("head", "kernel", "bias"),
        *(f"steps/layer/{row}" for row in each_rows),
        *under("in/after", "kernel", "bias"),
        *(f"in/free/{row}" for row in free_rows),
        *under("in/twice", "kernel", "bias"),
        *(f"fixed/{row}" for row in fixed_rows),
    ]
    return keras.Model(inputs, outputs), rows


SAMPLES = {"stack": stack, "branches": branches, "nested": nested}


def randomise(model: Any, seed: int) -> None:
    """Gives every weight random numbers, variances too."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.uniform(0.1, 1.0, one.shape) for one in model.get_weights()])


def table(paths: list[str]) -> list[Row]:
    """Rows of the weight table."""
    return [Row(keras=path, torch=(), form=SAME) for path in paths]


def config_of(model: Any) -> dict[str, Any]:
    """The model's config as it stands in a file."""
    config: dict[str, Any] = json.loads(json.dumps(model.get_config(), default=str))
    return config


def variables(model: Any, paths: list[str]) -> dict[str, np.ndarray]:
    """The model's arrays at these paths."""
    return {path: np.asarray(_find(model, path.split("/"))) for path in paths}


def _find(owner: Any, parts: list[str]) -> Any:
    if not parts:
        return owner
    name, *rest = parts
    if name.isdigit():
        return _find(owner[int(name)], rest)
    is_model = hasattr(owner, "get_layer")
    return _find(owner.get_layer(name) if is_model else getattr(owner, name), rest)


def assert_same(found: Mapping[str, np.ndarray], model: Any, paths: list[str]) -> None:
    """Every array is the live model's, bit for bit."""
    expected = variables(model, paths)
    assert found.keys() == expected.keys()
    for path, array in expected.items():
        np.testing.assert_array_equal(found[path], array, err_msg=path)
