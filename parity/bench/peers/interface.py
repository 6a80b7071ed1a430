"""What a peer's process asks of its peer."""

from dataclasses import dataclass
from typing import Protocol


class CannotRunError(Exception):
    """A peer has no way to express a configuration; the message says why."""


class Peer(Protocol):
    """A model with its batch, ready to run.

    Attributes:
        parameters: how many numbers the model trains, a bias that torch has twice counted once.
        note: what the peer says about how it runs; may be empty.
    """

    parameters: int
    note: str

    def run(self) -> list[float]:
        """One repetition, complete when it returns.

        Returns:
            The loss before the update (train), every probability (infer), the epoch's mean loss.
        """
        ...


class EpochPeer(Peer, Protocol):
    """A peer whose workload is an epoch."""

    def accuracy(self) -> float:
        """The share of the configuration's test reviews that it classifies right."""
        ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a peer runs.

    Attributes:
        device: ``cpu`` or ``cuda``.
        folder: for what it must write.
    """

    device: str
    folder: str
