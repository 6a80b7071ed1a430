"""From seconds to what a reader asks: ratios, GFLOP/s, and whether all computed the same."""

from collections.abc import Sequence
from statistics import median

from parity.bench.arithmetic import operations
from parity.bench.configuration import Configuration
from parity.bench.gemm_size import OPERATIONS
from parity.bench.peers import is_ours, peer_kind
from parity.bench.results import Outcome

AGREEMENT = 1e-4
"""Largest difference of a loss or a probability that rounding explains: float32 over hundreds of
steps stays under 1e-5, while a mask that is read wrongly moves a probability by more than 1e-3."""

RANDOM = ("dropout", "recurrent dropout")


def minimum(outcome: Outcome) -> float | None:
    """Seconds of the fastest repetition; None where there is none."""
    return min(outcome.seconds, default=None)


def middle(outcome: Outcome) -> float | None:
    """Seconds of the median repetition; None where there is none."""
    return median(outcome.seconds) if outcome.seconds else None


def cost(outcome: Outcome) -> float | None:
    """How many times as long as the plain configuration: the median of the rounds."""
    rounds = zip(outcome.seconds, outcome.plain_seconds, strict=False)  # a peer may die between
    return median(ratios) if (ratios := [mine / plain for mine, plain in rounds]) else None


def fastest_peer(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Of one configuration: the fastest that is not ours and computes the same numbers."""
    peers = [
        one
        for one in outcomes
        if one.seconds
        and not is_ours(one.peer)
        and peer_kind(one.peer).comparable(one.configuration)
    ]
    return min(peers, key=lambda one: min(one.seconds), default=None)


def speed(outcome: Outcome, peer: Outcome | None) -> float | None:
    """How many times as fast as the fastest peer, by the minimum of each."""
    if peer is None or not outcome.seconds:
        return None
    return min(peer.seconds) / min(outcome.seconds)


def rate(outcome: Outcome) -> float | None:
    """Operations of the layer stack per second, in GFLOP/s."""
    least = minimum(outcome)
    return None if least is None else operations(outcome.configuration) / least / 1e9


def gemm_rate(seconds: Sequence[float]) -> float | None:
    """The machine's rate in float32, in GFLOP/s."""
    return OPERATIONS / min(seconds) / 1e9 if seconds else None


def disagreements(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """By peer what differs from the first one of a configuration that ran: parameters or values.

    A peer that cannot skip the padding is not asked; nor are values that depend on chance.
    """
    ran = [
        one for one in outcomes if one.values and peer_kind(one.peer).comparable(one.configuration)
    ]
    found = {}
    for one in ran:
        reference = ran[0]
        if one.parameters != reference.parameters:
            found[one.peer] = (
                f"{one.parameters:,} parameters, but {reference.peer} has {reference.parameters:,}"
            )
        elif not is_random(one.configuration):
            furthest = difference(one.values, reference.values)
            if not furthest <= AGREEMENT:
                found[one.peer] = f"differs from {reference.peer} by {furthest:.1e}"
    return found


def is_random(configuration: Configuration) -> bool:
    """Whether two right peers may compute different values."""
    training = configuration.workload != "infer"
    return configuration.workload == "epoch" or (training and configuration.variant in RANDOM)


def difference(first: Sequence[float], second: Sequence[float]) -> float:
    """The largest absolute difference; infinite for other counts, NaN where a value is NaN."""
    if len(first) != len(second):
        return float("inf")
    apart = [abs(a - b) for a, b in zip(first, second, strict=True)]
    return next((one for one in apart if one != one), max(apart, default=0.0))
