"""What was measured, before anything is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parity.bench.configuration import Configuration


@dataclass(kw_only=True)
class Outcome:
    """One peer in one configuration.

    Attributes:
        peer: its name.
        configuration: what it ran.
        seconds: of every repetition after the warm-up, by the chosen clock.
        plain_seconds: in a table of cliffs, of the plain configuration in the same rounds.
        build: seconds until the model was there.
        first: seconds of the first repetition, compilation included.
        parameters: numbers that the model trains.
        note: what the peer says about how it runs.
        values: what the first repetition computed.
        peak: largest resident memory in bytes.
        rise: the part of it that came since before the model was built.
        accuracy: share of the test reviews that it classifies right after its last epoch.
        failure: why there is no result, or not a whole one; empty where there is.
    """

    peer: str
    configuration: Configuration
    seconds: list[float] = field(default_factory=list)
    plain_seconds: list[float] = field(default_factory=list)
    build: float = 0.0
    first: float = 0.0
    parameters: int = 0
    note: str = ""
    values: list[float] = field(default_factory=list)
    peak: int = 0
    rise: int = 0
    accuracy: float | None = None
    failure: str = ""


@dataclass(kw_only=True)
class Measured:
    """A whole run.

    Attributes:
        outcomes: in the order of measurement.
        gemm: seconds of every matrix product; see `parity.bench.gemm_size`.
        missing: why a peer was not measured at all, by its name.
        idle_shares: by peer the processor seconds per second while it waited for the others.
        facts: machine, versions and command.
        cliffs: whether the configurations are a table of cliffs.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    gemm: list[float] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    idle_shares: dict[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    cliffs: bool = False

    def by_configuration(self) -> list[tuple[Configuration, Sequence[Outcome]]]:
        """Each configuration with its outcomes, in order."""
        found: dict[Configuration, list[Outcome]] = {}
        for outcome in self.outcomes:
            found.setdefault(outcome.configuration, []).append(outcome)
        return list(found.items())

    def extra(self) -> dict[str, Any]:
        """What stands beside the outcomes, as primitives."""
        return {
            "facts": dict(self.facts),
            "gemm_seconds": self.gemm,
            "missing": self.missing,
            "idle_shares": self.idle_shares,
        }
