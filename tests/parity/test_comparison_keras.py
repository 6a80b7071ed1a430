"""A comparison says what it compared, in which precision, how far apart, and where it starts."""

from typing import Any

import numpy as np
import pytest
import torch

from parity import (
    ParityError,
    assert_parity,
    compare,
    from_keras,
)
from parity.output_rows import hardest_rows
from parity.suite.cases import Case, quick_cases
from parity.suite.mutants import MUTANTS
from tests.parity.comparison_samples import features, shifted

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

ELSEWHERE = {mutant.case for mutant in MUTANTS.values()}
GRU = Case(cell="gru", inputs="features")
LENGTHS = Case(cell="gru", inputs="features, lengths")


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
