"""The recurrences a third time, in NumPy, by neither framework: who is right when they differ."""

from parity.oracle.layer import Computed, compute

__all__ = ["Computed", "compute"]
