"""Trajectories in lockstep: what differs first, and whether rounding explains it.

In float64 a difference may be 1e-9 of the largest value the tensor has had, or ten times the drift
between two runs of ours whose starts differ by one unit in the last place: an optimiser that
divides by small numbers amplifies rounding, and the drift says by how much. In float32 ours may be
ten times as far from the float64 trajectory as Keras's own float32 trajectory is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from parity.differences import largest_difference
from parity.training.trajectory import KINDS, Array, Training, TrainingBatch

RELATIVE = 1e-9
DRIFTS = 10.0

Growth = dict[str, list[float]]
"""By pair of trajectories and by step, the `relative_difference` of the weights."""

AGAINST_KERAS, AGAINST_MOVED = "ours and Keras", "ours and ours, moved by one unit"
OURS_ROUNDED, KERAS_ROUNDED = "ours and float64", "Keras and float64"


@dataclass
class Deviation:
    """A tensor that comes nearest to its bound, or the first that leaves it.

    Attributes:
        step: counted from 1; 0 for the start.
        name: of the tensor.
        difference: the largest.
        allowed: the bound.
    """

    step: int
    name: str
    difference: float
    allowed: float

    @property
    def share(self) -> float:
        """The difference as a share of the bound."""
        if not self.difference:
            return 0.0
        return self.difference / self.allowed if self.allowed else np.inf


@dataclass
class Comparison:
    """What a lockstep found.

    Attributes:
        steps: how many were compared.
        nearest: by kind (`trajectory.KINDS`), the tensor that came nearest to its bound.
        first: the first that left its bound, with its kind; None where all kept it.
        growth: of the difference of the weights.
    """

    steps: int = 0
    nearest: dict[str, Deviation] = field(default_factory=dict)
    first: tuple[str, Deviation] | None = None
    growth: Growth = field(default_factory=dict)


class Peaks:
    """The largest values that tensors have had, and the largest drift between two runs."""

    def __init__(self) -> None:
        """Starts with none."""
        self.values: dict[str, float] = {}
        self.drifts: dict[str, float] = {}

    def bound(self, name: str, value: Array, moved: Array) -> float:
        """The bound of a tensor at this step, given the value that rounding has moved."""
        peak = max(self.values.get(name, 0.0), float(np.max(np.abs(value), initial=0.0)))
        drift = max(self.drifts.get(name, 0.0), largest_difference(value, moved))
        self.values[name], self.drifts[name] = peak, drift
        return max(RELATIVE * peak, DRIFTS * drift)


def compare_in_float64(
    ours: Training,
    moved: Training,
    theirs: Training,
    batches: Sequence[TrainingBatch],
    keras_rates: bool = False,
) -> Comparison:
    """Trains three times at once, until the end or the first difference.

    Args:
        ours: our training.
        moved: ours from a start that differs by one unit in the last place.
        theirs: Keras's.
        batches: one a step.
        keras_rates: whether ours takes the learning rate of each step from Keras.
    """
    found, peaks = Comparison(), Peaks()
    start, beside = theirs.weights(), moved.weights()
    curves: Growth = {AGAINST_KERAS: [], AGAINST_MOVED: []}
    found.growth = curves
    if _judge(found, 0, "weights", ours.weights(), beside, start, peaks):
        return found
    for number, batch in enumerate(batches):
        keras_step = theirs.step(batch, number)
        rate = keras_step.learning_rate if keras_rates else None
        steps = [*(training.step(batch, number, rate) for training in (ours, moved)), keras_step]
        found.steps = number + 1
        curves[AGAINST_KERAS].append(relative_difference(steps[0].weights, steps[2].weights))
        curves[AGAINST_MOVED].append(relative_difference(steps[0].weights, steps[1].weights))
        for kind in KINDS:
            ours_now, moved_now, theirs_now = (getattr(one, kind) for one in steps)
            if kind == "states" and not ours_now:
                continue
            if _judge(found, number + 1, kind, ours_now, moved_now, theirs_now, peaks):
                return found
    return found


def _judge(
    found: Comparison,
    step: int,
    kind: str,
    ours: dict[str, Array],
    moved: dict[str, Array],
    theirs: dict[str, Array],
    peaks: Peaks,
) -> bool:
    """Whether a tensor of this kind leaves its bound; the worst is kept."""
    worst: Deviation | None = None
    if kind == "states":  # which ours makes when it first needs them, as zeros
        ours, moved, theirs = _with_zeros(ours, moved, theirs)
    for name in dict.fromkeys([*ours, *theirs]):
        if name not in ours or name not in theirs:
            worst = Deviation(step, name, np.inf, 0.0)
            break
        bound = peaks.bound(f"{kind}/{name}", ours[name], moved[name])
        one = Deviation(step, name, largest_difference(ours[name], theirs[name]), bound)
        if worst is None or not one.share <= worst.share:
            worst = one
    if worst is None:
        return False
    if kind not in found.nearest or not worst.share <= found.nearest[kind].share:
        found.nearest[kind] = worst
    if worst.share <= 1:
        return False
    found.first = (kind, worst)
    return True


def _with_zeros(*states: dict[str, Array]) -> list[dict[str, Array]]:
    """The states of several trainings, each with zeros where it has none yet."""
    shapes = {name: array.shape for one in states for name, array in one.items()}
    zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
    return [{**zeros, **one} for one in states]


def compare_in_float32(
    ours: Training,
    theirs: Training,
    exact: Training,
    batches: Sequence[TrainingBatch],
) -> Comparison:
    """Trains in float32 in both frameworks, and once in float64.

    Args:
        ours: our training, in float32.
        theirs: Keras's, in float32.
        exact: ours in float64, from the same start.
        batches: one a step.
    """
    found = Comparison()
    curves: Growth = {AGAINST_KERAS: [], OURS_ROUNDED: [], KERAS_ROUNDED: []}
    found.growth = curves
    for number, batch in enumerate(batches):
        first, second, true = (one.step(batch, number).weights for one in (ours, theirs, exact))
        found.steps = number + 1
        for name, pair in zip(
            curves, ((first, second), (first, true), (second, true)), strict=True
        ):
            curves[name].append(relative_difference(*pair))
    ours_off, theirs_off = (max(curves[name]) for name in (OURS_ROUNDED, KERAS_ROUNDED))
    one = Deviation(found.steps, "weights", ours_off, DRIFTS * theirs_off)
    found.nearest["weights"] = one
    if not one.share <= 1:
        found.first = ("weights", one)
    return found


def relative_difference(first: dict[str, Array], second: dict[str, Array]) -> float:
    """The largest difference of two sets of tensors, each relative to its largest element."""
    largest = 0.0
    for name in first.keys() & second.keys():
        peak = float(np.max(np.abs(second[name]), initial=0.0))
        if peak:
            largest = max(largest, largest_difference(first[name], second[name]) / peak)
    return largest
