"""Mistakes that a port between the frameworks makes, as data: each one has to break parity."""

from parity.suite.mutants import (
    around,
    cells,
    dropout,
    dropout_of_states,
    gradients,
    layers,
    masks,
    merging,
    padding,
    states,
    table,
)
from parity.suite.mutants.mutant import Mutant

SUBJECTS = (
    table,
    cells,
    gradients,
    masks,
    padding,
    states,
    merging,
    dropout,
    dropout_of_states,
    layers,
    around,
)
MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant for subject in SUBJECTS for mutant in subject.MUTANTS
}

__all__ = ["MUTANTS", "SUBJECTS", "Mutant"]
