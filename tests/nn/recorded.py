"""What a CUDA graph does, played on the CPU: the same memory is written anew at each launch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from unittest import mock

import torch
from torch import Tensor

from birnn_lightning.nn import cuda_graphs
from birnn_lightning.nn.cuda_graphs import recording


class Launches:
    """How often each recorded function was launched, in the order of the recordings."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def capture(
        self, run: Callable[[], Sequence[Tensor]], stream: object
    ) -> tuple[Callable[[], None], Sequence[Tensor]]:
        """In place of `recording.capture`."""
        first = [one.detach() for one in run()]
        index = len(self.counts)
        self.counts.append(0)
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        autocast = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

        def launch() -> None:
            self.counts[index] += 1
            with (
                torch.inference_mode(modes[1]),
                torch.set_grad_enabled(modes[0]),
                torch.autocast("cpu", autocast[1], enabled=autocast[0]),
            ):
                again = [one.detach() for one in run()]
                for memory, result in zip(first, again, strict=True):
                    memory.copy_(result)

        return launch, first


class _NoStream:
    """In place of a stream of the GPU."""

    def __init__(self, device: torch.device | None = None) -> None:
        """There is one order on a CPU."""

    def wait_stream(self, other: object) -> None:
        """Nothing runs beside the CPU."""


@contextmanager
def _on_stream(stream: object) -> Iterator[None]:
    yield


@contextmanager
def played_on_cpu() -> Iterator[Launches]:
    """Within, `cuda_graphs` records what runs on the CPU."""
    launches = Launches()
    with (
        mock.patch.object(recording, "capture", launches.capture),
        mock.patch.object(cuda_graphs, "runs_on_gpu", return_value=True),
        mock.patch.object(torch.cuda, "Stream", _NoStream),
        mock.patch.object(torch.cuda, "current_stream", _NoStream),
        mock.patch.object(torch.cuda, "stream", _on_stream),
        mock.patch.object(torch.cuda, "get_rng_state", torch.get_rng_state),
        mock.patch.object(torch.cuda, "set_rng_state", torch.set_rng_state),
        mock.patch.object(recording, "nothing_waits", nullcontext),
    ):
        yield launches
