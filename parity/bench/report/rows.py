"""The cells of every table, the same in a terminal, a page and a document."""

from collections.abc import Sequence
from typing import NamedTuple

from parity.bench.cliffs import setting_name
from parity.bench.configuration import Configuration
from parity.bench.peers import is_ours, peer_kind
from parity.bench.results import Measured, Outcome
from parity.bench.statistics import (
    cost,
    disagreements,
    fastest_peer,
    gemm_rate,
    middle,
    minimum,
    rate,
    speed,
)

HEADER = (
    "configuration",
    "peer",
    "min ms",
    "median ms",
    "× fastest peer",
    "GFLOP/s",
    "of GEMM",
    "first s",
    "peak MB",
    "rise MB",
)
WORDS = 2
"""How many of the first columns are words; the others are numbers."""
NONE = "–"
IDLE_ALLOWED = 0.05
"""Of a core; a peer that uses more while it waits disturbs the others."""
MIB = 2**20

EXPLANATIONS = (
    "min, median: of all repetitions after the warm-up.",
    "× fastest peer: how many times as fast as the fastest of the others that computes the same "
    "numbers, by the minimum; over 1 is faster.",
    "GFLOP/s: operations of the recurrent layers (a multiply and an add count two; training is "
    "three times the forward pass; masked steps count nothing) over the time of the whole "
    "repetition; of GEMM: that as a share of torch.mm on float32 1024 × 1024 × 1024 in the same "
    "run.",
    "first: the first repetition, compilation included.",
    "peak: of the process's resident memory, the framework's own code included, on a GPU of the "
    "memory that tensors have there; rise: since before "
    "the model was built. A process goes on from one configuration to the next: the first also "
    "bears what a framework loads on first use.",
)


def rows(measured: Measured) -> list[tuple[str, ...]]:
    """The rows of the table under `HEADER`, peer by peer in each configuration."""
    limit = gemm_rate(measured.gemm)
    found = []
    for configuration, outcomes in measured.by_configuration():
        peer = fastest_peer(outcomes)
        ran = [one for one in outcomes if one.seconds]  # `remarks` has the others
        for index, one in enumerate(ran or outcomes):
            times, gflops = speed(one, peer), rate(one)
            share = gflops / limit if gflops and limit else None
            found.append(
                (
                    configuration.name if index == 0 else "",
                    one.peer,
                    *map(milliseconds, (minimum(one), middle(one))),
                    NONE if times is None else f"{times:.2f}",
                    NONE if gflops is None else f"{gflops:.1f}",
                    NONE if share is None else f"{share:.0%}",
                    f"{one.first:.1f}" if one.values else NONE,
                    f"{one.peak / MIB:.0f}" if one.peak else NONE,
                    f"{one.rise / MIB:.0f}" if one.peak else NONE,
                )
            )
    return found


def milliseconds(seconds: float | None) -> str:
    """Three significant digits, never in powers of ten."""
    if seconds is None:
        return NONE
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def remarks(measured: Measured) -> list[str]:
    """What the tables cannot say: who is missing, failed, differs, or disturbed the others."""
    found = [f"{name}: not measured: {reason}." for name, reason in measured.missing.items()]
    found += filter(None, map(_accuracies, measured.by_configuration()))
    reasons: dict[tuple[str, str], list[str]] = {}
    for configuration, outcomes in measured.by_configuration():
        for name, reason in disagreements(outcomes).items():
            found.append(f"{name} COMPUTES OTHER NUMBERS in {configuration.name}: {reason}.")
        for one in outcomes:
            if one.failure:
                reasons.setdefault((one.peer, one.failure), []).append(configuration.name)
    for (name, reason), where in reasons.items():
        found.append(f"{name} in {_shown(where)}: {reason.rstrip('.')}.")
    found += [
        f"{name} kept {share:.0%} of a core busy while it waited: the others are shown too slow."
        for name, share in measured.idle_shares.items()
        if share > IDLE_ALLOWED
    ]
    return found


def _accuracies(group: tuple[Configuration, Sequence[Outcome]]) -> str:
    """How many of the test reviews each peer classifies right; empty where none did."""
    configuration, outcomes = group
    texts = [f"{one.peer} {one.accuracy:.4f}" for one in outcomes if one.accuracy is not None]
    if not texts:
        return ""
    epochs = max(1 + len(one.seconds) for one in outcomes)
    return (
        f"Accuracy in {configuration.name} on {configuration.test_reviews:,} other reviews after "
        f"{epochs} epochs over {configuration.reviews:,}: {', '.join(texts)}."
    )


def sentences(measured: Measured) -> list[tuple[str, str, str]]:
    """Which engine ran and why: ``(peer, sentence, configurations)``."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in measured.outcomes:
        if is_ours(one.peer) and one.note:
            found.setdefault((one.peer, one.note), []).append(one.configuration.name)
    return [(peer, note, _shown(names)) for (peer, note), names in found.items()]


def legend(measured: Measured) -> list[tuple[str, str]]:
    """Each measured peer and what it is."""
    names = dict.fromkeys(one.peer for one in measured.outcomes)
    return [(name, peer_kind(name).says) for name in names]


def gemm_line(measured: Measured) -> str:
    """The machine's rate, in words."""
    limit = gemm_rate(measured.gemm)
    return "GEMM rate: not measured." if limit is None else f"GEMM rate: {limit:.0f} GFLOP/s."


def _shown(names: Sequence[str]) -> str:
    return "; ".join(names[:4]) + (f"; and {len(names) - 4} more" if len(names) > 4 else "")


class Cliffs(NamedTuple):
    """The table of one cell and workload.

    Attributes:
        title: which.
        header: the setting, then the peers.
        rows: one a setting: its name, then milliseconds and cost of each peer.
    """

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


CLIFFS_NOTE = (
    "Milliseconds (minimum); × how many times as long as the plain configuration of the same peer, "
    "which ran in turn with it (median of the rounds)."
)


def cliffs(measured: Measured) -> list[Cliffs]:
    """What each setting costs each peer, against its own plain configuration."""
    groups: dict[str, dict[Configuration, Sequence[Outcome]]] = {}
    for configuration, outcomes in measured.by_configuration():
        title = f"{configuration.cell} {configuration.hidden}, {configuration.time} × "
        title += f"{configuration.batch}, {configuration.workload}"
        groups.setdefault(title, {})[configuration] = outcomes
    return [_cliff_table(title, group) for title, group in groups.items()]


def _cliff_table(title: str, group: dict[Configuration, Sequence[Outcome]]) -> Cliffs:
    names = list(dict.fromkeys(one.peer for outcomes in group.values() for one in outcomes))
    found = []
    for configuration, outcomes in group.items():
        texts = {one.peer: _cost(one) for one in outcomes}
        found.append((setting_name(configuration), *(texts.get(name, NONE) for name in names)))
    return Cliffs(title, ("setting", *names), found)


def _cost(outcome: Outcome) -> str:
    times, text = cost(outcome), milliseconds(minimum(outcome))
    return text if times is None else f"{text} (× {times:.2f})"
