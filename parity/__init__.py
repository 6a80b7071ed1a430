"""Proves classifiers equal to their Keras twins; importing it imports neither Keras nor torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parity.results import ParityError, ParityReport, ParityRow, ParityUnavailable

if TYPE_CHECKING:
    from parity.comparison import assert_parity, compare
    from parity.convert import copy_weights, to_keras
    from parity.keras_source import from_keras, load_weights

_HOMES = {
    "assert_parity": "parity.comparison",
    "compare": "parity.comparison",
    "copy_weights": "parity.convert",
    "from_keras": "parity.keras_source",
    "load_weights": "parity.keras_source",
    "to_keras": "parity.convert",
}

__all__ = [
    "ParityError",
    "ParityReport",
    "ParityRow",
    "ParityUnavailable",
    "assert_parity",
    "compare",
    "copy_weights",
    "from_keras",
    "load_weights",
    "to_keras",
]


def __getattr__(name: str) -> Any:
    """Imports a public function from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
