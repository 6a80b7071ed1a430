"""The judge of trajectories: fails for what rounding does not explain, and says where it begins."""

import numpy as np
import pytest

from parity.training.comparison import (
    AGAINST_KERAS,
    DRIFTS,
    RELATIVE,
    compare_in_float32,
    compare_in_float64,
    relative_difference,
)
from parity.training.trajectory import Step, TrainingBatch

BATCHES = [TrainingBatch([np.zeros(1)], np.zeros(1))] * 7


class Scripted:
    """A training whose every kind of tensor is one number, changed from some step on."""

    def __init__(self, start=3.0, changes=None):
        self.value = start
        self.changes = changes or {}

    def weights(self):
        return {"kernel": np.array([self.value])}

    def step(self, batch, number, rate=None):
        def of(kind):
            return np.array([self.value + self.changes.get((kind, number), 0.0)])

        return Step(
            learning_rate=0.1 if rate is None else rate,
            loss={"loss": of("loss")},
            gradients={"kernel": of("gradients")},
            states={"momentum/kernel": of("states")},
            weights={"kernel": of("weights")},
        )


def test_equal_trajectories_agree():
    found = compare_in_float64(Scripted(), Scripted(), Scripted(), BATCHES)
    assert found.first is None
    assert found.steps == len(BATCHES)
    assert set(found.nearest) == {"loss", "gradients", "states", "weights"}
    assert found.growth[AGAINST_KERAS] == [0.0] * len(BATCHES)


@pytest.mark.parametrize("kind", ["loss", "gradients", "states", "weights"])
def test_the_first_difference_has_its_step_and_kind(kind):
    theirs = Scripted(changes={(kind, 4): 1e-3, ("weights", 5): 1.0})
    found = compare_in_float64(Scripted(), Scripted(), theirs, BATCHES)
    assert found.first is not None
    assert found.first[0] == kind
    assert found.first[1].step == 5
    assert found.first[1].difference == pytest.approx(1e-3)
    assert found.steps == 5


@pytest.mark.parametrize(("factor", "agrees"), [(0.9, True), (1.1, False)])
def test_the_bound_is_a_share_of_the_largest_value(factor, agrees):
    theirs = Scripted(changes={("weights", 2): factor * RELATIVE * 3.0})
    found = compare_in_float64(Scripted(), Scripted(), theirs, BATCHES)
    assert (found.first is None) == agrees


@pytest.mark.parametrize(("factor", "agrees"), [(0.9, True), (1.1, False)])
def test_a_drift_that_rounding_makes_allows_ten_times_itself(factor, agrees):
    moved = Scripted(changes={("states", 1): 1e-4})
    theirs = Scripted(changes={("states", 3): factor * DRIFTS * 1e-4})
    found = compare_in_float64(Scripted(), moved, theirs, BATCHES)
    assert (found.first is None) == agrees


def test_a_drift_of_one_tensor_allows_nothing_to_another():
    moved = Scripted(changes={("states", 1): 1.0})
    theirs = Scripted(changes={("weights", 3): 1e-4})
    assert compare_in_float64(Scripted(), moved, theirs, BATCHES).first is not None


def test_another_start_differs_before_the_first_step():
    found = compare_in_float64(Scripted(), Scripted(), Scripted(start=3.1), BATCHES)
    assert found.first is not None
    assert found.first[0] == "weights"
    assert found.first[1].step == 0
    assert found.steps == 0


def test_a_tensor_that_one_framework_lacks_differs():
    class Lacking(Scripted):
        def step(self, batch, number, rate=None):
            return super().step(batch, number, rate)._replace(states={})

    found = compare_in_float64(Scripted(), Scripted(), Lacking(), BATCHES)
    assert found.first is not None
    assert found.first[1].name == "momentum/kernel"


def test_nan_in_one_framework_differs():
    theirs = Scripted(changes={("loss", 0): float("nan")})
    found = compare_in_float64(Scripted(), Scripted(), theirs, BATCHES)
    assert found.first is not None
    assert found.first[0] == "loss"


@pytest.mark.parametrize(("factor", "agrees"), [(0.9, True), (1.1, False)])
def test_in_float32_ours_may_be_ten_times_as_far_from_float64_as_keras_is(factor, agrees):
    theirs = Scripted(changes={("weights", 6): 3e-6})
    ours = Scripted(changes={("weights", 2): factor * DRIFTS * 3e-6})
    found = compare_in_float32(ours, theirs, Scripted(), BATCHES)
    assert (found.first is None) == agrees


def test_relative_differences_are_shares_of_each_tensor_s_largest_element():
    first = {"small": np.array([1e-3, 0.0]), "large": np.array([10.0, 1.0])}
    second = {"small": np.array([1e-3, 1e-4]), "large": np.array([10.0, 1.5])}
    assert relative_difference(first, second) == pytest.approx(0.1)
