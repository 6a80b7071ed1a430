"""Masks, NaN and infinities in a comparison of two models."""

from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning import BiGRUClassifier, SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import (
    ParityUnavailable,
    assert_parity,
    compare,
    from_keras,
    to_keras,
)
from parity.inputs import randomise_weights
from parity.suite.cases import Case
from tests.parity.comparison_samples import features, shifted

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

GRU = Case(cell="gru", inputs="features")
LENGTHS = Case(cell="gru", inputs="features, lengths")


LEFT = np.arange(11) >= np.array([0, 3, 10, 5, 7])[:, None]
HOLES = np.random.default_rng(11).random((5, 11)) < 0.6


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"lengths": np.array([11, 1, 5, 7, 3])}, id="lengths"),
        pytest.param({"lengths": torch.tensor([11, 1, 5, 7, 3])}, id="lengths as tensor"),
        pytest.param({"mask": LEFT}, id="left padding"),
        pytest.param({"mask": torch.as_tensor(HOLES)}, id="holes"),
        pytest.param({"mask": HOLES | LEFT, "lengths": np.full(5, 7)}, id="both"),
        pytest.param({}, id="neither"),
    ],
)
def test_lengths_and_masks_reach_both(given, pair_of):
    assert_parity(*pair_of(LENGTHS), features(), **given)


def test_tokens_take_an_explicit_mask_too():
    model = BiGRUClassifier(
        vocab_size=23,
        embedding_dim=3,
        mask_zero=False,
        hidden_size=5,
        num_classes=7,
        pooling="mean",
    )
    randomise_weights(model)
    tokens = np.random.default_rng(3).integers(0, 23, (5, 11))
    twin = to_keras(model, mask_input=True)
    assert_parity(model, twin, tokens, lengths=np.array([11, 1, 5, 7, 3]))
    assert_parity(model, twin, tokens, mask=HOLES)


def test_an_explicit_mask_passes_through_attention():
    recurrent = specs.Recurrent(cell="gru", hidden_size=5, return_sequences=True)
    nodes = (
        Node(name="features", layer=specs.Input(shape=(None, 3))),
        Node(name="sequence", layer=specs.Bidirectional(forward=recurrent)),
        Node(name="self", layer=specs.Attention(), inputs=("sequence", "sequence")),
        Node(name="mean", layer=specs.GlobalAveragePooling1D()),
    )
    model = SequenceClassifier(ModelSpec(nodes), "regression")
    randomise_weights(model)
    assert_parity(model, to_keras(model, mask_input=True), features(), mask=LEFT)


@pytest.mark.parametrize("given", [{"lengths": np.full(5, 7)}, {"mask": HOLES}], ids=str)
def test_a_twin_that_takes_no_mask_says_so(given, pair_of):
    model, twin = pair_of(GRU)
    with pytest.raises(ParityUnavailable, match=r"to_keras\(model, mask_input=True\)"):
        compare(model, twin, features(), **given)


@pytest.mark.parametrize("given", [{"lengths": np.full(5, 7)}, {"mask": HOLES}], ids=str)
def test_masks_without_inputs_make_no_sense(given, pair_of):
    with pytest.raises(ValueError, match="lengths and mask belong to inputs"):
        compare(*pair_of(LENGTHS), **given)


@pytest.mark.parametrize(
    "case", [Case(cell="gru"), Case(cell="gru", inputs="features, mask value")], ids=str
)
def test_a_model_that_finds_its_masks_takes_none(case):
    with pytest.raises(ParityUnavailable, match="finds the mask in the inputs"):
        to_keras(case.build(), mask_input=True)


# Not a number, and not finite.


def test_rows_without_a_valid_step_are_nan_in_both(pair_of):
    model, twin = pair_of(Case(cell="lstm", inputs="features, lengths", pooling="mean"))
    mask = LEFT.copy()
    mask[1] = False
    report = assert_parity(model, twin, features(), mask=mask)
    assert np.isnan(model.predict(features(), mask=mask)[1]).all()
    assert all(0 <= row.max_difference <= row.allowed for row in report.rows)
    shifted(twin)
    assert [row.passed for row in compare(model, twin, features(), mask=mask).rows[:2]] == [
        False
    ] * 2


def test_what_stands_in_masked_steps_does_not_matter(pair_of):
    model, twin = pair_of(LENGTHS)
    padded = np.where(LEFT[..., None], features(), np.float32(np.nan))
    np.testing.assert_array_equal(
        model.predict(padded, mask=LEFT), model.predict(features(), mask=LEFT)
    )
    assert_parity(model, twin, padded, mask=LEFT)


def test_a_number_where_theirs_is_none_fails(pair_of):
    model, twin = pair_of(GRU)
    twin.layers[-1].bias.assign([np.nan] + [0.0] * 6)
    semantics, rounding, *_ = compare(model, twin).rows
    assert not semantics.passed
    assert not rounding.passed
    assert "is nan in Keras at (0, 0)" in semantics.detail


def test_a_nan_that_a_valid_step_holds_is_nan_in_both(pair_of):
    inputs = features()
    inputs[3, 2, 1] = np.nan
    model, twin = pair_of(GRU)
    assert np.isnan(model.predict(inputs)[3]).all()
    assert_parity(model, twin, inputs)


def test_equal_infinities_are_no_difference():
    entry = keras.Input((3,))
    theirs = keras.Model(entry, keras.layers.Dense(2, activation="exponential")(entry))
    theirs.set_weights([np.full((3, 2), 1.0), np.array([1000.0, 0.0])])
    model = from_keras(theirs)
    assert_parity(model, theirs, np.ones((2, 3), "float32"))
    theirs.layers[-1].bias.assign([1000.0, 0.1])
    assert not compare(model, theirs, np.ones((2, 3), "float32")).passed


@pytest.mark.parametrize("value", [0.1, -1e9, 3.0])
def test_a_mask_value_that_float32_rounds(value):
    keras.utils.set_random_seed(0)  # else all update gates may be shut, one time in 32
    layers = keras.layers
    entry = keras.Input((None, 3))
    theirs = keras.Model(entry, layers.GRU(5)(layers.Masking(value)(entry)))
    inputs = features()
    inputs[:, 7:] = value
    model = from_keras(theirs)
    assert_parity(model, theirs, inputs)
    changed = inputs.copy()
    changed[:, 7:] = value / 2 + 1
    assert not np.allclose(model.predict(inputs), model.predict(changed), atol=1e-3)
