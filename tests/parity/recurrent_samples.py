"""Random float64 weights, inputs, masks and states for any recurrent spec, in Keras's layout."""

from collections.abc import Iterator

import numpy as np

from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack

Array = np.ndarray
Directed = Recurrent | RecurrentStack
Spec = Directed | Bidirectional

BATCH, TIME, INPUT, HIDDEN, OTHER_HIDDEN = 13, 7, 2, 5, 11
BLOCKS = {"rnn": 1, "lstm": 4, "gru": 3}


def mask_of(*rows: str) -> Array:
    """A mask from strings: ``x`` is a valid step."""
    return np.array([[step == "x" for step in row] for row in rows])


MASK = mask_of(
    *("xxxxxxx", "xxxxx..", "xx.....", "x......"),  # right
    *("..xxxxx", ".....xx", "......x"),  # left
    *("x..xx.x", ".xx.x..", "..x...x", "x.x.x.x", ".xxx.x."),  # interior
    ".......",
)
"""A row of every kind: one call computes them all."""


def uniform(*shape: int, seed: int) -> Array:
    """float64 numbers from U(-1, 1)."""
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def features(seed: int = 0) -> Array:
    """Inputs ``(batch, time, feature)``."""
    return uniform(BATCH, TIME, INPUT, seed=seed)


def states(spec: Spec, seed: int = 100) -> list[Array]:
    """Initial states for the spec."""
    return [uniform(BATCH, size, seed=seed + n) for n, size in enumerate(spec.state_sizes)]


def shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """The shape of every weight by its path in the layer."""
    if isinstance(spec, Bidirectional):
        return {
            f"{name}_layer/{path}": shape
            for name, direction in zip(("forward", "backward"), spec.directions, strict=True)
            for path, shape in shapes(direction).items()
        }
    stacked = isinstance(spec, RecurrentStack)
    found: dict[str, tuple[int, ...]] = {}
    feature = INPUT
    for index, cell in enumerate(spec.cells):
        path = f"cell/cells/{index}" if stacked else "cell"
        found.update(_cell_shapes(cell, path, feature))
        feature = cell.hidden_size
    return found


def _cell_shapes(cell: Recurrent, path: str, feature: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    columns = BLOCKS[cell.cell] * cell.hidden_size
    yield f"{path}/kernel", (feature, columns)
    yield f"{path}/recurrent_kernel", (cell.hidden_size, columns)
    if cell.use_bias:
        two = cell.cell == "gru" and cell.reset_after
        yield f"{path}/bias", (2, columns) if two else (columns,)


def weights(spec: Spec, seed: int = 200) -> dict[str, Array]:
    """Random weights by path, biases too."""
    return {
        path: uniform(*shape, seed=seed + n) for n, (path, shape) in enumerate(shapes(spec).items())
    }
