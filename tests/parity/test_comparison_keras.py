"""A comparison says what it compared, in which precision, how far apart, and where it starts."""

from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning import BiGRUClassifier, SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import (
    ParityError,
    ParityUnavailable,
    assert_parity,
    compare,
    copy_weights,
    from_keras,
    to_keras,
)
from parity.comparison import hardest_rows
from parity.inputs import randomise_weights
from parity.suite.cases import Case, quick_cases
from parity.suite.mutants import MUTANTS

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

ELSEWHERE = {mutant.case for mutant in MUTANTS.values()}
GRU = Case(cell="gru", inputs="features")
LENGTHS = Case(cell="gru", inputs="features, lengths")


@pytest.fixture
def pair_of(twin_of):
    """A case's model and its twin, with equal weights."""

    def pair(case):
        model, twin = case.build(), twin_of(case)
        copy_weights(model, twin)
        return model, twin

    return pair


def features(batch=5, time=11, seed=3):
    return np.random.default_rng(seed).standard_normal((batch, time, 3)).astype("float32")


def shifted(twin, by=1e-3):
    """The last bias of a twin moved."""
    twin.layers[-1].bias.assign_add([by] + [0.0] * (twin.output_shape[-1] - 1))


@pytest.mark.parametrize(
    "case", [case for case in quick_cases() if case not in ELSEWHERE][::5], ids=lambda c: c.name
)
def test_the_quick_grid_passes(case, pair_of):
    report = assert_parity(*pair_of(case), case=case.name)
    assert {row.case for row in report.rows} == {case.name}


@pytest.mark.parametrize(
    ("case", "compared"),
    [
        (GRU, [("float64", "outputs"), ("float32", "outputs"), ("float32", "classes (5)")]),
        (Case(cell="gru", inputs="features", task="regression"), ["float64", "float32"]),
        (Case(cell="gru", inputs="features", task="multilabel"), ["float64", "float32"]),
        (Case(cell="gru", dtype="float64"), ["float64"]),
        (
            Case(cell="gru", pooling="tagging"),
            [("float64", "outputs"), ("float32", "outputs"), ("float32", "classes (35)")],
        ),
    ],
    ids=["classes", "numbers", "labels", "float64", "every step"],
)
def test_the_rows_of_a_report(case, compared, pair_of):
    rows = compare(*pair_of(case)).rows
    expected = [one if isinstance(one, tuple) else (one, "outputs") for one in compared]
    assert [(row.dtype, row.compared.removeprefix("predicted ")) for row in rows] == expected
    assert [row.detail for row in rows] == [""] * len(rows)
    assert 1e-12 <= rows[0].allowed < 1e-11
    if len(rows) > 1:
        assert 0 < rows[1].max_difference <= rows[1].allowed < 1e-5


def test_a_small_shift_fails_in_both_precisions(pair_of):
    model, twin = pair_of(GRU)
    shifted(twin)
    report = compare(model, twin, case="shifted")
    semantics, rounding, classes = report.rows
    assert not semantics.passed
    assert 1e-5 < semantics.max_difference < 1e-3
    assert semantics.detail.startswith("First in layer 'head': ")
    assert "layers.head.bias -> head/bias (same)" in semantics.detail
    assert not rounding.passed
    assert rounding.detail.startswith("theirs is ")
    assert classes.passed
    with pytest.raises(ParityError) as failure:
        assert_parity(model, twin, case="shifted")
    assert str(failure.value).splitlines()[0].startswith("shifted: outputs (float64) differ by ")


def test_a_difference_that_float32_could_not_tell_fails_in_float64(pair_of):
    model, twin = pair_of(Case(cell="gru", dtype="float64"))
    shifted(twin, by=1e-9)
    (row,) = compare(model, twin).rows
    assert not row.passed
    assert 1e-11 < row.max_difference < 1e-9


def test_predictions_that_differ_are_counted(pair_of):
    model, twin = pair_of(GRU)
    shifted(twin, by=100.0)
    report = compare(model, twin)
    (row,) = (row for row in report.rows if row.compared.startswith("predicted classes"))
    assert not row.passed
    assert row.detail == f"{row.max_difference:.0f} of 5 predictions differ."
    assert row.max_difference > 0
    assert row.allowed == 0


def test_binary_predictions_that_differ_are_counted(pair_of):
    model, twin = pair_of(Case(cell="gru", inputs="features", task="binary"))
    inputs = features()
    says_yes = (model.predict(inputs) > 0.5).any()
    twin.layers[-1].bias.assign([-100.0 if says_yes else 100.0])
    row = compare(model, twin, inputs).rows[-1]
    assert not row.passed
    assert row.compared == "predicted classes (5)"


def test_neither_model_is_changed(pair_of):
    model, twin = pair_of(Case(cell="lstm"))
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    theirs = twin.get_weights()
    compare(model, twin)
    assert model.training
    assert {layer.requested_engine for layer in model.recurrent_layers.values()} == {"auto"}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    for old, new in zip(theirs, twin.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_number_of_classes_is_said(pair_of):
    model, _ = pair_of(GRU)
    entry = keras.Input((None, 3))
    other = keras.Model(entry, keras.layers.Dense(11)(keras.layers.GRU(5)(entry)))
    (row,) = compare(model, other).rows
    assert not row.passed
    assert np.isnan(row.max_difference)
    assert row.detail == "shapes differ: ours (5, 7), theirs (5, 11)."


def test_another_structure_is_said(pair_of):
    model, _ = pair_of(GRU)
    entry = keras.Input((None, 3))
    other = keras.Model(entry, keras.layers.Dense(7)(keras.layers.GRU(5)(entry)))
    semantics = compare(model, other).rows[0]
    assert semantics.detail.startswith("The models are not the same: the models have 6 and 3")


def test_a_large_batch_is_computed_in_a_graph(pair_of):
    model, twin = pair_of(LENGTHS)
    inputs = features(batch=67)
    lengths = np.random.default_rng(5).integers(1, 12, 67)
    assert_parity(model, twin, inputs, lengths=lengths)
    shifted(twin)
    assert not compare(model, twin, inputs, lengths=lengths).passed


def test_the_bound_is_measured_where_the_error_is(pair_of):
    """Among many examples the one that differs most may stand anywhere."""
    model, twin = pair_of(GRU)
    inputs = np.tile(features(batch=1), (67, 1, 1))
    inputs[53] *= 30
    assert_parity(model, twin, inputs)
    truth = model.predict(inputs)
    wrong = truth.copy()
    wrong[53] += 0.5
    assert 53 in hardest_rows(truth, truth, wrong)


def test_a_large_batch_of_a_model_with_named_inputs_and_outputs():
    entry = keras.Input((3,), name="series")
    theirs = keras.Model({"series": entry}, {"verdict": keras.layers.Dense(5)(entry)})
    assert_parity(from_keras(theirs), theirs, features(batch=67)[:, 0])


@pytest.mark.parametrize("wrap", [np.asarray, torch.as_tensor, lambda array: [array]])
def test_inputs_of_the_callers_own(wrap, pair_of):
    model, twin = pair_of(GRU)
    report = assert_parity(model, twin, wrap(features(batch=2, time=7)))
    assert report.rows[-1].compared == "predicted classes (2)"


# Explicit masks.

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
