"""Every configuration that the package promises, compared case by case with its Keras twin."""

from parity.suite.grids import find_case, grid
from parity.suite.runner import run_case, run_suite

__all__ = ["find_case", "grid", "run_case", "run_suite"]
