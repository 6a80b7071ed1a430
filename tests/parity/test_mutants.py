"""Every mutant makes its case fail, and the report says where; without it the case passes.

``python -m parity power`` prints by how much.
"""

import re
from contextlib import nullcontext
from dataclasses import replace

import pytest

from parity.layout import layer_rows
from parity.suite import case_runs
from parity.suite.grids import grid
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants import MUTANTS, SUBJECTS
from parity.suite.mutants.mutant import MARGIN
from parity.suite.mutants.table import edited
from parity.suite.power import catch, keras_runs_kept, lean, run_mutant
from parity.suite.runner import run_case

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("short_inputs")]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

IN_FLOAT32 = [name for name, mutant in MUTANTS.items() if mutant.margin][::11]
"""`python -m parity power` has the margin of every mutant."""


@pytest.fixture(scope="module")
def sound_of():
    """From a case to its report without a mutant, Keras's runs kept."""
    reports = {}

    def sound(case):
        if case not in reports:
            reports[case] = run_case(case)
        return reports[case]

    with keras_runs_kept():
        yield sound


def table_of(case, detail):
    """The rows of the layer that a report names, as it has to quote them."""
    spec = case.spec if isinstance(case, LayerCase) else case.build().spec
    (name,) = re.findall(r"First in layer '(\w+)'", detail)
    (layer,) = (node.layer for node in spec.nodes if node.name == name)
    rows = layer_rows(layer, name, f"layers.{name}")
    return "; ".join(map(str, rows)) or "it has no weights"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught_and_the_report_says_where(name, sound_of):
    mutant = MUTANTS[name]
    case = lean(mutant.case, ("float32",) if name in IN_FLOAT32 else ())
    sound = sound_of(case)
    sound.raise_for_failures()
    found = catch(mutant, sound, run_mutant(mutant, case))
    assert found.caught
    assert not found.max_difference <= found.allowed
    for words in mutant.says:
        assert words in found.detail
    if mutant.margin:
        assert f"First in {mutant.place}" in found.detail
        with mutant.patch():
            assert f"Table: {table_of(case, found.detail)}." in found.detail
    if name in IN_FLOAT32:
        assert found.float32_times >= MARGIN


def test_a_mutant_that_changes_nothing_is_not_caught(sound_of):
    mutant = replace(MUTANTS["mask ignored"], patch=nullcontext)
    case = lean(mutant.case, ())
    found = catch(mutant, sound_of(case), run_mutant(mutant, case))
    assert not found.caught
    assert found.detail == "Every comparison passes."


def test_a_case_that_fails_without_the_mutant_catches_nothing(sound_of):
    mutant = MUTANTS["mask ignored"]
    case = lean(mutant.case, ())
    report = run_mutant(mutant, case)
    found = catch(mutant, report, report)
    assert not found.caught
    assert found.detail.startswith("Without the mutant: First in layer 'recurrent'")


def test_the_table_gets_other_weights_to_keras_and_our_layers_do_not(monkeypatch):
    runs = []
    monkeypatch.setattr("parity.suite.case_runs.run_theirs_on", lambda *given: runs.append(given))
    with keras_runs_kept():
        for name in ("gru bias rows reversed", "mask ignored", "gru update gate inverted"):
            mutant = MUTANTS[name]
            case = mutant.case
            assert isinstance(case, LayerCase)
            with mutant.patch():
                case_runs.run_theirs_on(case, case.build(), "float64", [], True)
    assert len(runs) == 2


def test_half_precision_weights_fail_in_float32_too():
    """The smallest mistake: float16 rounds 2^13 times as coarsely, the bound is 2 * 8 roundings."""
    mutant = replace(
        MUTANTS["weights through bfloat16"],
        patch=edited(lambda _, array: array.astype("float16").astype(array.dtype)),
    )
    report = run_mutant(mutant, mutant.case)
    semantics, rounding = (row for row in report.rows if row.compared == "outputs")
    assert not semantics.passed
    assert not rounding.passed
    assert "from float64, rounding explains" in rounding.detail
    assert rounding.share() >= MARGIN / 4


def test_names_are_unique_and_every_case_is_one_that_the_quick_grid_checks():
    assert len(MUTANTS) == sum(len(subject.MUTANTS) for subject in SUBJECTS)
    quick = {case.name: lean(case) for case in grid("quick")}
    for mutant in MUTANTS.values():
        assert quick[mutant.case.name] == lean(mutant.case)


def test_there_are_mutants_of_every_subject():
    assert len(MUTANTS) >= 40
    assert all(len(subject.MUTANTS) >= 4 for subject in SUBJECTS)
