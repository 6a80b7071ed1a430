"""Parts that may run at once become branches of a recording, and follow one another otherwise."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from birnn_lightning.nn.cells import Weights
from birnn_lightning.nn.engines import Outcome, branches, native
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import HIDDEN, MASKS, direction, features


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
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: found.now)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: found.stream(next(made)))
    monkeypatch.setattr(torch.cuda, "stream", found.on)
    branches._side_stream.cache_clear()
    yield found
    branches._side_stream.cache_clear()


def run(streams: Streams, *names: str) -> list[int]:
    outcomes = branches.run_branches([lambda name=name: streams.part(name) for name in names])
    return [int(one.sequence) for one in outcomes]


def record(streams: Streams, *names: str) -> list[int]:
    with branches.branching():
        return run(streams, *names)


def test_a_recording_branches_and_joins(streams: Streams) -> None:
    assert record(streams, "one", "three") == [3, 5]
    assert streams.said == [
        "side waits for main",
        "one on side",
        "three on main",
        "main waits for side",
    ]


def test_a_device_keeps_its_streams(streams: Streams) -> None:
    record(streams, "a", "b", "c")
    record(streams, "a", "b", "c")
    again = [line for line in streams.said if line.startswith("a on")]
    assert again == ["a on side", "a on side"]
    assert "b on another" in streams.said


def test_one_part_needs_no_branch(streams: Streams) -> None:
    assert record(streams, "alone") == [5]
    assert streams.said == ["alone on main"]


def test_outside_a_recording_parts_follow_one_another(streams: Streams) -> None:
    assert record(streams, "before") == [6]
    assert run(streams, "one", "three") == [3, 5]
    assert streams.said == ["before on main", "one on main", "three on main"]


@pytest.mark.parametrize(("dtype", "branched"), [(torch.float32, True), (torch.float16, False)])
def test_directions_of_a_masked_batch_branch_but_in_half_precision(
    dtype: torch.dtype, branched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def run_branches(parts: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
        counts.append(len(parts))
        return [part() for part in parts]

    monkeypatch.setattr(native, "run_branches", run_branches)
    spec = Recurrent(cell="gru", hidden_size=HIDDEN)
    pair = [direction(one, seed=1) for one in (spec, replace(spec, go_backwards=True))]
    given = [
        one._replace(
            weights=Weights(*(weight.to(dtype) for weight in one.weights)),  # type: ignore[union-attr]
            state=tuple(state.to(dtype) for state in one.state),
        )
        for one in pair
    ]
    native.run(given, features().to(dtype), MASKS["interior"], padded=True)
    assert counts == ([2] if branched else [])
