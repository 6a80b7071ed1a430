"""Parts that may run at once become branches of a recording, and follow one another otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from birnn_lightning.nn.engines import Outcome, branches


class Streams:
    """In place of the GPU's streams; ``said`` is what they were told, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.now = self.stream("main")

    def stream(self, name: str) -> "Stream":
        return Stream(name, self)

    @contextmanager
    def on(self, stream: "Stream") -> Iterator[None]:
        before, self.now = self.now, stream
        yield
        self.now = before

    def part(self, name: str) -> Outcome:
        self.said.append(f"{name} on {self.now.name}")
        return Outcome(torch.tensor(len(name)), ())


class Stream:
    device = torch.device("cuda", 0)

    def __init__(self, name: str, streams: Streams) -> None:
        self.name, self._streams = name, streams

    def wait_stream(self, other: "Stream") -> None:
        self._streams.said.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    found = Streams()
    made = iter(["side", "another"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: found.now)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: found.stream(next(made)))
    monkeypatch.setattr(torch.cuda, "stream", found.on)
    branches._side_stream.cache_clear()
    yield found
    branches._side_stream.cache_clear()


def run(streams: Streams, *names: str) -> list[int]:
    outcomes = branches.run_branches([lambda name=name: streams.part(name) for name in names])
    return [int(one.sequence) for one in outcomes]


def test_a_recording_branches_and_joins(streams: Streams) -> None:
    assert run(streams, "one", "three") == [3, 5]
    assert streams.said == [
        "side waits for main",
        "one on side",
        "three on main",
        "main waits for side",
    ]


def test_a_device_keeps_its_streams(streams: Streams) -> None:
    run(streams, "a", "b", "c")
    run(streams, "a", "b", "c")
    again = [line for line in streams.said if line.startswith("a on")]
    assert again == ["a on side", "a on side"]
    assert "b on another" in streams.said


def test_one_part_needs_no_branch(streams: Streams) -> None:
    assert run(streams, "alone") == [5]
    assert streams.said == ["alone on main"]


def test_outside_a_recording_parts_follow_one_another(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert run(streams, "one", "three") == [3, 5]
    assert streams.said == ["one on main", "three on main"]
