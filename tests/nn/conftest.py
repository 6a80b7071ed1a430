"""Initial weights are drawn from the same seed in every test; a CPU plays what a GPU records."""

from collections.abc import Iterator

import pytest
import torch

from birnn_lightning.nn import cuda_graphs
from tests.nn.graph_samples import Watched
from tests.nn.recorded import Launches, played_on_cpu


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launches | None]:
    """How often what was recorded ran, where the CPU plays the GPU."""
    monkeypatch.setattr(cuda_graphs, "Recording", Watched)
    if torch.cuda.is_available():
        yield None
    else:
        with played_on_cpu() as found:
            yield found
