"""Every known cause of divergence, switched on alone, is found and named."""

import pytest

from parity.training.causes import CAUSES
from parity.training.mutants import TRAINING_MUTANTS, causes_table, run_training_mutant

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")


@pytest.mark.parametrize("mutant", TRAINING_MUTANTS, ids=lambda mutant: mutant.cause)
def test_a_cause_is_named(mutant):
    found = run_training_mutant(mutant)
    assert found.sound
    assert f"Cause: {mutant.cause}." in found.detail, found.detail
    assert found.named
    assert mutant.cause in causes_table([found])


def test_every_cause_has_a_mutant():
    assert {mutant.cause for mutant in TRAINING_MUTANTS} == {cause.name for cause in CAUSES}
