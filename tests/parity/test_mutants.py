"""Every mutant makes parity fail in float64, and in float32 alone by a hundred times the bound.

``pytest tests/parity/test_mutants.py -rP`` prints by how much.
"""

import pytest

from parity.cases import Case, quick_cases
from parity.layout import layer_rows, rows
from tests.parity.mutants import LSTM, MUTANTS, Mutant

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

MARGIN = 100
CASES = tuple(dict.fromkeys(mutant.case for mutant in MUTANTS.values()))


def on_the_reference_engine(case: Case):
    """The case's model on the engine that the mutants change."""
    model = case.build()
    for layer in model.recurrent_layers.values():
        layer.requested_engine = "scan"
    return model


def compare_mutant(mutant: Mutant, twin, monkeypatch):
    from parity import compare, copy_weights, keras_model

    model = on_the_reference_engine(mutant.case)
    mutant.patch(monkeypatch)
    copy_weights(model, twin)
    arrays = keras_model.read_variables(twin, [row.keras for row in rows(model.spec)])
    keras_model.write_variables(twin, {path: mutant.edit(path, a) for path, a in arrays.items()})
    return model, compare(model, twin)


def row_of(report, dtype):
    (row,) = (row for row in report.rows if (row.dtype, row.compared) == (dtype, "outputs"))
    return row


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fails_by_far_and_the_report_says_where(name, twin_of, monkeypatch):
    mutant = MUTANTS[name]
    model, report = compare_mutant(mutant, twin_of(mutant.case), monkeypatch)
    semantics, rounding = row_of(report, "float64"), row_of(report, "float32")
    times = rounding.max_difference / rounding.allowed
    print(f"{name}: {semantics.max_difference:.2g} in float64; float32 {times:.2g} times allowed")
    assert not semantics.passed
    assert not rounding.passed
    assert times >= MARGIN
    assert f"First in layer {mutant.layer!r}:" in semantics.detail
    (layer,) = (node.layer for node in model.spec.nodes if node.name == mutant.layer)
    table = layer_rows(layer, mutant.layer, f"layers.{mutant.layer}")
    for row in map(str, table or ["it has no weights"]):
        assert row in semantics.detail
    assert "from float64, rounding explains" in rounding.detail


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_a_mutant_the_same_cases_pass(case, twin_of):
    import parity

    model, twin = on_the_reference_engine(case), twin_of(case)
    parity.copy_weights(model, twin)
    parity.assert_parity(model, twin)


def test_half_precision_weights_fail_in_float32_too(twin_of, monkeypatch):
    """The smallest mistake: float16 rounds 2^13 times as coarsely, the bound is 2 * 8 roundings."""
    mutant = Mutant(case=LSTM, edit=lambda _, array: array.astype("float16").astype("float32"))
    _, report = compare_mutant(mutant, twin_of(mutant.case), monkeypatch)
    rounding = row_of(report, "float32")
    assert not row_of(report, "float64").passed
    assert not rounding.passed
    assert rounding.max_difference >= MARGIN / 4 * rounding.allowed


def test_every_case_is_one_that_the_quick_grid_checks():
    assert set(CASES) <= set(quick_cases())
