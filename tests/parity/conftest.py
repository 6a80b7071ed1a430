"""Keras twins of grid cases, each built once: building is the slow part."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from parity.suite.cases import Case


@pytest.fixture
def short_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random inputs of fewer steps, since Keras takes most of its time for the steps."""
    monkeypatch.setattr("parity.inputs.TIME", 7)


@pytest.fixture(scope="session")
def twin_of() -> Callable[[Case], Any]:
    """From a case to its Keras twin. Tests share it: copy the weights before you use it."""
    import parity

    return cache(lambda case: parity.to_keras(case.build(), mask_input=case.explicit_mask))


@pytest.fixture
def pair_of(twin_of):
    """A case's model and its twin, with equal weights."""

    def pair(case):
        from parity import copy_weights

        model, twin = case.build(), twin_of(case)
        copy_weights(model, twin)
        return model, twin

    return pair
