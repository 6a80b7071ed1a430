"""Every peer runs in turn, one at a time, so that the machine's noise hits all alike."""

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

from parity.bench.configuration import Configuration
from parity.bench.peers import GEMM, peer_kind
from parity.bench.process import PeerFailedError
from parity.bench.results import Measured, Outcome

DEATHS = 3
"""After so many failures one after another a peer is not started again."""
SETTLE = 0.005
"""Seconds between two turns: threads of the last peer stop spinning."""


class Process(Protocol):
    """What the schedule needs of a `parity.bench.process.PeerProcess`."""

    def ready(self) -> None:
        """Waits until it can be asked."""

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request and its answer."""
        ...

    def close(self) -> None:
        """Ends it."""


class Start(Protocol):
    """Starts the process of a peer."""

    def __call__(self, name: str) -> Process:
        """By the peer's name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How often each configuration is run.

    Attributes:
        repetitions: of training and inference.
        epochs: repetitions of a whole epoch.
        warmups: repetitions before them that do not count.
        seconds: after so many, a configuration's rounds end early, but never before the third.
        clock: ``wall``, or ``cpu`` for the processor seconds of all threads.
    """

    repetitions: int
    epochs: int
    warmups: int
    seconds: float
    clock: str

    def rounds(self, configuration: Configuration) -> int:
        """How many rounds a configuration gets."""
        return self.epochs if configuration.workload == "epoch" else self.repetitions


class Schedule:
    """Runs configurations on peers that stay alive between them.

    Args:
        peers: names.
        start: starts one.
        plan: how often.
        measured: what it fills, also where it is interrupted.
    """

    def __init__(self, peers: list[str], start: Start, plan: Plan, measured: Measured) -> None:
        """Starts nothing yet."""
        self._names, self._start, self._plan = peers, start, plan
        self._measured = measured
        self._processes: dict[str, Process] = {}
        self._deaths: dict[str, int] = dict.fromkeys([*peers, GEMM], 0)
        self._reasons: dict[str, str] = {}
        self._plain: dict[str, Configuration] = {}
        self._idle: dict[str, float] = dict.fromkeys(peers, 0.0)
        self._busy: dict[str, float] = dict.fromkeys(peers, 0.0)

    def close(self) -> None:
        """Ends every process."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def launch(self) -> None:
        """Starts every peer that does not run, all at once: loading a framework takes long."""
        started = []
        for name in [*self._names, GEMM]:
            if name not in self._processes and self._deaths[name] < DEATHS:
                self._processes[name] = self._start(name)
                started.append(name)
        for name in started:
            try:
                self._processes[name].ready()
            except PeerFailedError as error:
                self._lost(name, error)

    def run(
        self, configuration: Configuration, plain: Configuration | None = None
    ) -> list[Outcome]:
        """Measures one configuration on every peer.

        Args:
            configuration: what to measure.
            plain: another one, which every peer runs in turn with it.
        """
        self.launch()
        count = len(self._measured.outcomes)
        outcomes = {name: Outcome(peer=name, configuration=configuration) for name in self._names}
        self._measured.outcomes.extend(outcomes.values())
        gemm = Outcome(peer=GEMM, configuration=configuration, seconds=self._measured.gemm)
        try:
            self._measure([*outcomes.values(), gemm], plain)
        except KeyboardInterrupt:
            if not any(one.seconds for one in outcomes.values()):
                del self._measured.outcomes[count:]
            raise
        return list(outcomes.values())

    def _measure(self, outcomes: list[Outcome], plain: Configuration | None) -> None:
        """Fills the outcomes of one configuration."""
        turns = [outcome for outcome in outcomes if self._prepare(outcome)]
        if plain is not None:
            turns = [one for one in turns if one.peer == GEMM or self._prepare_plain(one, plain)]
        self._rounds(turns, plain is not None)
        for outcome in turns:
            self._release(outcome)

    def _prepare(self, outcome: Outcome) -> bool:
        """Builds and warms one peer up; whether it takes part in the rounds."""
        name, configuration = outcome.peer, outcome.configuration
        if name not in self._processes:
            outcome.failure = self._reasons[name]
            return False
        built = self._ask(outcome, do="build", configuration=configuration.to_config())
        if built is None or "cannot" in built:
            outcome.failure = outcome.failure or str(built and built["cannot"])
            return False
        outcome.build = built["seconds"]
        outcome.parameters, outcome.note = built["parameters"], built["note"]
        first = self._ask(outcome, do="run")
        if first is None:
            return False
        outcome.first, outcome.values = first["wall"], first["values"]
        if not all(math.isfinite(value) for value in outcome.values):
            outcome.failure = f"computed {outcome.values[0]} where a number was expected"
            return False
        warmups = max(self._plan.warmups, peer_kind(name).warmups) - 1
        if configuration.workload == "epoch":
            warmups = 0
        return all(self._ask(outcome, do="run") is not None for _ in range(warmups))

    def _prepare_plain(self, outcome: Outcome, plain: Configuration) -> bool:
        """Builds and warms up what runs beside a configuration, unless the peer still has it."""
        if self._plain.get(outcome.peer) == plain:
            return True
        built = self._ask(outcome, do="build", configuration=plain.to_config(), plain=True)
        if built is None or "cannot" in built:
            outcome.failure = outcome.failure or str(built and built["cannot"])
            return False
        self._plain[outcome.peer] = plain
        runs = range(max(self._plan.warmups, peer_kind(outcome.peer).warmups))
        return all(self._ask(outcome, do="run", plain=True) is not None for _ in runs)

    def _rounds(self, turns: list[Outcome], beside_plain: bool) -> None:
        """The repetitions, the first peer another one in each round."""
        if not turns:
            return
        started = time.monotonic()
        for count in range(self._plan.rounds(turns[0].configuration)):
            if count >= 3 and time.monotonic() - started > self._plan.seconds:
                return
            shift = count % len(turns)
            for outcome in [*turns[shift:], *turns[:shift]]:
                if beside_plain and outcome.peer != GEMM:
                    self._repeat(outcome, outcome.plain_seconds, plain=True)
                self._repeat(outcome, outcome.seconds)

    def _repeat(self, outcome: Outcome, seconds: list[float], **which: bool) -> None:
        """One repetition, unless the peer has failed."""
        if outcome.failure:
            return
        time.sleep(SETTLE)
        answer = self._ask(outcome, do="run", **which)
        if answer is not None:
            seconds.append(answer[self._plan.clock])
            self._note_idleness(outcome.peer, answer)

    def _release(self, outcome: Outcome) -> None:
        tests = outcome.peer != GEMM and outcome.configuration.test_reviews
        if tests and not outcome.failure:
            tested = self._ask(outcome, do="test")
            outcome.accuracy = tested["accuracy"] if tested else None
        answer = None if outcome.failure else self._ask(outcome, do="release")
        if answer is not None:
            outcome.peak, outcome.rise = answer["peak"], answer["rise"]
            self._deaths[outcome.peer] = 0

    def _note_idleness(self, name: str, answer: dict[str, Any]) -> None:
        if name in self._idle:
            self._idle[name] += answer["idle"]
            self._busy[name] += answer["busy"]
            share = self._busy[name] / max(self._idle[name], 1e-9)
            self._measured.idle_shares[name] = share

    def _ask(self, outcome: Outcome, **request: Any) -> dict[str, Any] | None:
        """The answer, or None where the process failed, which the outcome then says."""
        try:
            return self._processes[outcome.peer].ask(**request)
        except PeerFailedError as error:
            outcome.failure = str(error)
            self._lost(outcome.peer, error)
            return None

    def _lost(self, name: str, error: PeerFailedError) -> None:
        self._processes.pop(name).close()
        self._plain.pop(name, None)
        self._deaths[name] += 1
        self._reasons[name] = str(error)


def peers_here(names: list[str], missing: dict[str, str]) -> list[str]:
    """The peers that can be measured, in order.

    Raises:
        ValueError: none can be.
    """
    found = [name for name in names if name not in missing]
    if not found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise ValueError(f"no peer can be measured ({reasons}). Give others to --peers.")
    return found
