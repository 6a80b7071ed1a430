"""Two processes compare real cases with Keras and find what one process finds."""

from dataclasses import replace

import pytest

from birnn_lightning.nn.specs import Bidirectional, Input, ModelSpec, Node, Recurrent
from parity.journal import Journal, made_by
from parity.suite.cases import Case
from parity.suite.layer_cases import LayerCase
from parity.suite.runner import read_reports, run_suite

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
pytest.importorskip("tensorflow", reason="the twins are Keras models on TensorFlow")

LAYER = LayerCase(
    name="gru, both ways",
    spec=ModelSpec(
        (
            Node(name="series", layer=Input(shape=(None, 3))),
            Node(
                name="both",
                layer=Bidirectional(
                    forward=Recurrent(cell="gru", hidden_size=5, return_sequences=True)
                ),
            ),
        )
    ),
    dtypes=(),
)
CLASSIFIER = Case(cell="rnn", num_layers=1, inputs="features", dtype="float64")


def test_two_processes_find_what_one_finds(tmp_path):
    cases = [CLASSIFIER, LAYER]
    spread = run_suite(cases, jobs=2, journal=tmp_path / "journal.jsonl")
    assert spread.passed
    assert list(dict.fromkeys(row.case for row in spread.rows)) == [
        CLASSIFIER.name,
        LAYER.name,
    ]
    assert spread == run_suite(cases)
    assert spread == run_suite(cases, jobs=2, journal=tmp_path / "journal.jsonl")
    book = Journal(tmp_path / "journal.jsonl", made_by())
    assert read_reports(book).keys() == {one.name for one in cases}


def test_a_case_that_cannot_be_built_is_a_row_that_failed():
    bad = replace(LAYER, name="bad", spec=ModelSpec((LAYER.spec.nodes[0],)))
    report = run_suite([bad, CLASSIFIER], jobs=2)
    (failure,) = report.failures
    assert (failure.case, failure.compared) == ("bad", "nothing")
    assert {row.case for row in report.rows if row.passed} == {CLASSIFIER.name}
