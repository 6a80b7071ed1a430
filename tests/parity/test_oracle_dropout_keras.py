"""The oracle's dropout is that of Keras in training, when both are given the same factors."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack
from parity.oracle.cells import GATES, Factor
from parity.oracle.layer import compute
from tests.parity.keras_layers_by_hand import keras_layer
from tests.parity.recurrent_samples import (
    BATCH,
    HIDDEN,
    INPUT,
    MASK,
    OTHER_HIDDEN,
    Array,
    Spec,
    features,
    uniform,
    weights,
)

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: no reference to compare to")
pytestmark = pytest.mark.tensorflow

TOLERANCE = 1e-12  # float64: other orders of the same sums, of numbers about 1

RATES = [
    pytest.param({"dropout": 0.3}, id="inputs"),
    pytest.param({"recurrent_dropout": 0.3}, id="recurrent"),
    pytest.param({"dropout": 0.3, "recurrent_dropout": 0.2}, id="both"),
]
WITH_MASK = [pytest.param(None, id="no mask"), pytest.param(MASK, id="mask")]


def cell(name: str, hidden_size: int = HIDDEN, **fields) -> Recurrent:
    return Recurrent(cell=name, hidden_size=hidden_size, **fields)  # type: ignore[arg-type]


CELLS = [
    pytest.param(cell("rnn"), id="rnn"),
    pytest.param(cell("lstm"), id="lstm"),
    pytest.param(cell("gru"), id="gru"),
    pytest.param(cell("gru", reset_after=False), id="gru before"),
]


def factor(spec: Recurrent, size: int, seed: int) -> Factor:
    """As Keras would draw it: by gate where there are gates and the state is dropped too."""
    if spec.cell == "rnn" or not spec.recurrent_dropout:
        return uniform(BATCH, size, seed=seed)
    return {gate: uniform(BATCH, size, seed=seed + n) for n, gate in enumerate(GATES[spec.cell])}


def factors(spec: Spec) -> dict[str, Factor]:
    """One for everything that the spec drops, by the oracle's keys."""
    found: dict[str, Factor] = {}
    directions = spec.directions if isinstance(spec, Bidirectional) else (spec,)
    for name, direction in zip(("forward", "backward"), directions, strict=False):
        feature = INPUT
        for index, one in enumerate(direction.cells):
            seed = 1000 + 10 * len(found)
            if one.dropout:
                found[f"{name}.{index}.inputs"] = factor(one, feature, seed)
            if one.recurrent_dropout:
                found[f"{name}.{index}.recurrent"] = factor(one, one.hidden_size, seed + 5)
            feature = one.hidden_size
    return found


def inject(layer: Any, spec: Spec, given: dict[str, Factor]) -> None:
    """Puts the factors where Keras keeps the ones it drew for the batch."""
    from keras import ops

    sides = (
        {"forward": layer.forward_layer, "backward": layer.backward_layer}
        if isinstance(spec, Bidirectional)
        else {"forward": layer}
    )
    attributes = {"inputs": "_dropout_mask", "recurrent": "_recurrent_dropout_mask"}
    for key, value in given.items():
        name, index, kind = key.split(".")
        keras_cell = sides[name].cell
        keras_cell = getattr(keras_cell, "cells", [keras_cell])[int(index)]
        parts = value.values() if isinstance(value, dict) else [value]
        tensors = [ops.convert_to_tensor(part) for part in parts]
        setattr(keras_cell, attributes[kind], tensors if isinstance(value, dict) else tensors[0])


def assert_equal_in_training(spec: Spec, mask: Array | None) -> None:
    given = factors(spec)
    layer = keras_layer(spec)
    layer.build(features().shape)
    layer.set_weights(list(weights(spec).values()))
    inject(layer, spec, given)
    reference = np.asarray(layer(features(), mask=mask, training=True))
    ours = compute(spec, weights(spec), features(), mask, dropout=given).output
    np.testing.assert_allclose(ours, reference, rtol=0, atol=TOLERANCE)
    without = compute(spec, weights(spec), features(), mask).output
    assert np.abs(without - reference).max() > 1e-3, "nothing was dropped"


@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("spec", CELLS)
def test_one_cell(spec: Recurrent, rates: dict[str, float], mask: Array | None) -> None:
    assert_equal_in_training(replace(spec, return_sequences=True, **rates), mask)


@pytest.mark.parametrize("mask", WITH_MASK)
def test_both_directions(mask: Array | None) -> None:
    forward = cell("lstm", dropout=0.3, recurrent_dropout=0.2)
    backward = cell("gru", dropout=0.3, go_backwards=True)
    assert_equal_in_training(Bidirectional(forward=forward, backward=backward), mask)


@pytest.mark.parametrize("mask", WITH_MASK)
def test_stack(mask: Array | None) -> None:
    first = cell("lstm", OTHER_HIDDEN, dropout=0.3)
    second = cell("gru", dropout=0.3, recurrent_dropout=0.2)
    assert_equal_in_training(RecurrentStack(cells=(first, second)), mask)
