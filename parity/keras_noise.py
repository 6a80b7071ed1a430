"""Keras's layers draw their randomness from `parity.runs.shared_noise`, as ours do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from birnn_lightning.nn import specs
from birnn_lightning.nn.cells import KERAS_GATES
from birnn_lightning.nn.specs import LayerSpec, Recurrent
from parity.keras_model import keras
from parity.runs import shared_noise

RANDOM: Any = keras.src.backend.random  # type: ignore[attr-defined]


Source = Callable[[str, str, tuple[int, ...]], Any]
Drawn = Callable[[str, tuple[int, ...]], Any]


@contextmanager
def noise_shared(
    name: str, layer: Any, spec: LayerSpec, shape: Sequence[int], source: Source = shared_noise
) -> Iterator[None]:
    """Within, a Keras layer drops and adds what ours of the same node name does.

    Args:
        name: of the node.
        layer: the Keras layer.
        spec: its spec.
        shape: of its input.
        source: draws the deviates for a node's name, a key and a shape.
    """
    for direction, part, recurrent in _directions(layer, spec):
        cells = getattr(part.cell, "cells", [part.cell])
        for level, (cell, cell_spec) in enumerate(zip(cells, recurrent.cells, strict=True)):
            _share_with_cell(cell, cell_spec, f"{direction}.{level}", partial(source, name))
    kept = RANDOM.dropout, RANDOM.normal, RANDOM.uniform
    # TimeDistributed calls its layer step by step; ours draws for all steps at once.
    steps = count() if isinstance(spec, specs.TimeDistributed) else None

    def deviates(kind: str, asked: tuple[int, ...]) -> Any:
        if steps is None:
            return source(name, f"inputs.{kind}", asked)
        batch, time = shape[:2]
        every = source(name, f"inputs.{kind}", (batch * time, *asked[1:]))
        split: Any = keras.ops.reshape(every, (batch, time, *asked[1:]))
        return split[:, next(steps) % time]

    def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
        shape = tuple(inputs.shape)
        if noise_shape is not None:
            shape = tuple(
                size if given is None else int(given)
                for given, size in zip(noise_shape, shape, strict=True)
            )
        return inputs * _kept(deviates("dropout", shape), rate, inputs.dtype)

    def normal(
        shape: Sequence[int],
        mean: float = 0,
        stddev: float = 1,
        dtype: Any = None,
        seed: Any = None,
    ) -> Any:
        drawn = deviates("normal", tuple(int(size) for size in shape))
        return keras.ops.cast(mean + stddev * drawn, dtype)

    def uniform(shape: Sequence[int], *_: Any, **__: Any) -> Any:
        return deviates("dropout", tuple(int(size) for size in shape))

    RANDOM.dropout, RANDOM.normal, RANDOM.uniform = dropout, normal, uniform
    try:
        yield
    finally:
        RANDOM.dropout, RANDOM.normal, RANDOM.uniform = kept


def _directions(layer: Any, spec: LayerSpec) -> list[tuple[str, Any, Any]]:
    if isinstance(spec, specs.Bidirectional):
        parts = (layer.forward_layer, layer.backward_layer)
        return list(zip(("forward", "backward"), parts, spec.directions, strict=True))
    if isinstance(spec, Recurrent | specs.RecurrentStack):
        return [("forward", layer, spec)]
    return []


def _share_with_cell(cell: Any, spec: Recurrent, key: str, drawn: Drawn) -> None:
    gates = KERAS_GATES[spec.cell] if spec.recurrent_dropout else "*"

    def factors(of: str, rate: float) -> Callable[[Any], Any]:
        def draw(step: Any) -> Any:
            if not rate:
                return None
            made = [
                _kept(drawn(f"{key}.{of}.{gate}.dropout", tuple(step.shape)), rate, step.dtype)
                for gate in gates
            ]
            return made if getattr(cell, "dropout_mask_count", None) else made[0]

        return draw

    cell.get_dropout_mask = factors("inputs", spec.dropout)
    cell.get_recurrent_dropout_mask = factors("recurrent", spec.recurrent_dropout)


def _kept(deviates: Any, rate: float, dtype: Any) -> Any:
    """The factor of inverted dropout."""
    dtype = keras.backend.standardize_dtype(dtype)
    whole: Any = keras.ops.cast(deviates >= rate, dtype)
    return whole / keras.ops.cast(np.asarray(1 - rate), dtype)
