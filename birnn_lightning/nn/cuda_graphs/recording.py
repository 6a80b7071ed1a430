"""What a function of tensors launches on a GPU, forward and backward, recorded for replay."""

import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.engines.branches import branching
from birnn_lightning.nn.engines.differentiation import once_differentiable

WARM_UPS = 3
"""Passes on another stream before the recording, as torch advises; cuDNN chooses in them."""

Function = Callable[[Sequence[Tensor], Mapping[str, Tensor]], Sequence[Tensor]]
"""``(inputs, parameters by name) -> outputs``."""


def capture(
    run: Callable[[], Sequence[Tensor]], stream: torch.cuda.Stream
) -> tuple[Callable[[], None], Sequence[Tensor]]:
    """Records what ``run`` launches.

    Other threads may go on using the GPU meanwhile, as those that pin a loader's memory do.

    Args:
        run: launches the same work whenever it is called, and gives no memory away: what autograd
            saves is kept with its results.
        stream: on which it is recorded.

    Returns:
        What launches it again, and what ``run`` returned: its memory holds each launch's result.

    Raises:
        RuntimeError: ``run`` waits for the GPU, or copies from memory that is not pinned.
    """
    graph = torch.cuda.CUDAGraph()
    # A failed recording does not leave its stream by itself.
    with (
        branching(),
        torch.cuda.stream(torch.cuda.current_stream()),
        torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
    ):
        results = run()
    return graph.replay, results


@contextmanager
def nothing_waits() -> Iterator[None]:
    """Within, to wait for the GPU raises RuntimeError, where a recording would break off."""
    mode = torch.cuda.get_sync_debug_mode()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


class Recording:
    """A function's passes over tensors of one kind.

    A recording has one set of memory: the next forward pass must wait until the last one's backward
    pass has run, or never will; see `is_free`. Autograd's graph of a pass that has run backward is
    good for another time only until then.

    Args:
        function: launches the same work whenever it is called.
        inputs: an example.
        parameters: what the function reads beside its inputs, by name.
        buffers: what it may change in place.
    """

    def __init__(
        self,
        function: Function,
        inputs: Sequence[Tensor],
        parameters: Mapping[str, Tensor],
        buffers: Sequence[Tensor],
    ) -> None:
        """Records the forward pass, and the backward pass where there are gradients."""
        self._function = function
        self._inputs = [_leaf(one.detach().clone(), one.requires_grad) for one in inputs]
        # Other tensors in the same memory: autograd's streams and hooks of the parameters have no
        # part in what is recorded.
        self._parameters = {
            name: _leaf(one.detach(), one.requires_grad) for name, one in parameters.items()
        }
        self.trained = [one for one in parameters.values() if one.requires_grad]
        leaves = (*self._inputs, *self._parameters.values())
        self._leaves = [one for one in leaves if one.requires_grad]
        self._live: Sequence[Tensor] = ()
        self._used: list[bool] = []
        self._pass: weakref.ref[Pass] | None = None
        stream = _stream(inputs[0].device)
        with torch.cuda.device_of(inputs[0]), _unchanged(buffers):
            self._warm_up(stream)
            self._replay_forward, outputs = capture(self._run_forward, stream)
            self._outputs = [one.detach() for one in outputs]
            self.differentiable = [one.requires_grad for one in self._live]
            self._given = [torch.zeros_like(one) for one in self._live if one.requires_grad]
            if self._given:
                self._replay_backward, found = capture(self._run_backward, stream)
                self._found = tuple(found)
        self._live = ()

    def _warm_up(self, stream: torch.cuda.Stream) -> None:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for count in range(WARM_UPS):
                # The first passes may load, compile and choose.
                with nothing_waits() if count + 1 == WARM_UPS else nullcontext():
                    self._run_forward()
                    self._given = [torch.zeros_like(one) for one in self._live if one.requires_grad]
                    if self._given:
                        self._run_backward()
        torch.cuda.current_stream().wait_stream(stream)

    def _run_forward(self) -> Sequence[Tensor]:
        self._live = ()  # the last pass's graph goes first, and with it what it knows of streams
        self._live = self._function(self._inputs, self._parameters)
        return self._live

    def _run_backward(self) -> Sequence[Tensor]:
        """The gradients of all leaves that have one."""
        outputs = [one for one in self._live if one.requires_grad]
        # Outside autocast, as `Tensor.backward` runs. Retained, so that what the forward pass keeps
        # is not overwritten on the way back.
        with torch.autocast(self._live[0].device.type, enabled=False):
            found = torch.autograd.grad(
                outputs, self._leaves, self._given, retain_graph=True, allow_unused=True
            )
        self._used = [one is not None for one in found]
        return [one for one in found if one is not None]

    def is_free(self) -> bool:
        """Whether the last forward pass has run backward, or never will."""
        last = None if self._pass is None else self._pass()
        return last is None or last.has_run_backward

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The function of other inputs of the same kind, under autograd."""
        if not self._given:
            return self.replay_forward(inputs)
        return _Replay.apply(self, len(inputs), *inputs, *self.trained)

    def replay_forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The outputs, in memory of their own."""
        for static, given in zip(self._inputs, inputs, strict=True):
            static.detach().copy_(given)
        self._replay_forward()
        return [one.clone() for one in self._outputs]

    def begin(self) -> "Pass":
        """What stands for a forward pass that has just run."""
        begun = Pass()
        self._pass = weakref.ref(begun)
        return begun

    def replay_backward(self, begun: "Pass", gradients: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of inputs, None where they want none, and of trained parameters.

        Raises:
            RuntimeError: another forward pass has overwritten what this one kept.
        """
        if self._pass is None or self._pass() is not begun:
            raise RuntimeError(
                "cuda_graphs: a forward pass has overwritten what this backward pass needs; it ran "
                "after an earlier backward pass through the same graph. Set cuda_graphs to False "
                "to run a graph backward more than once."
            )
        wanted = zip(gradients, self.differentiable, strict=True)
        for static, given in zip(self._given, (one for one, has in wanted if has), strict=True):
            static.copy_(given)
        self._replay_backward()
        begun.has_run_backward = True
        copies = iter(_copies(self._found))
        of_leaves = iter([next(copies) if used else None for used in self._used])
        of_inputs = [next(of_leaves) if one.requires_grad else None for one in self._inputs]
        return [*of_inputs, *of_leaves]


class Pass:
    """A forward pass; it lives as long as autograd's graph of it does."""

    has_run_backward = False


class _Replay(torch.autograd.Function):
    """``apply(recording, count, *inputs, *trained)``: the outputs."""

    @staticmethod
    def forward(ctx: Any, recording: Recording, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        outputs = recording.replay_forward(tensors[:count])
        ctx.recording, ctx.begun = recording, recording.begin()
        ctx.save_for_backward(*(one for one in tensors if one.requires_grad))
        differentiable = zip(outputs, recording.differentiable, strict=True)
        ctx.mark_non_differentiable(*(one for one, has in differentiable if not has))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        anchors = (*gradients, *ctx.saved_tensors)
        with torch.no_grad():
            found = ctx.recording.replay_backward(ctx.begun, gradients)
        advice = "Set cuda_graphs to False, and use engine 'scan'."
        return (None, None, *once_differentiable("a recorded pass", found, anchors, advice))


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Where a device's passes are recorded: one for all, as each stream costs cuBLAS 64 MB."""
    return torch.cuda.Stream(device)


def _copies(tensors: tuple[Tensor, ...]) -> Sequence[Tensor]:
    """Copies in memory of their own; those of one type, dense as gradients are, in one launch."""
    if not tensors:
        return ()
    return torch._foreach_mul(tensors, 1)  # pyright: ignore[reportPrivateImportUsage]


def _leaf(tensor: Tensor, trained: bool) -> Tensor:
    return tensor.requires_grad_(trained and torch.is_grad_enabled())


@contextmanager
def _unchanged(tensors: Sequence[Tensor]) -> Iterator[None]:
    """After a ``with`` block the tensors and the GPU's random state are as they were before it."""
    kept = [one.detach().clone() for one in tensors]
    state = torch.cuda.get_rng_state()
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in zip(tensors, kept, strict=True):
                tensor.copy_(before)
        torch.cuda.set_rng_state(state)
