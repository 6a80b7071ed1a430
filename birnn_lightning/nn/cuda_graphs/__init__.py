"""On a GPU, a model's passes over batches of one shape are recorded once and replayed in a launch.

A recurrent layer of a few dozen units is done with a kernel before the processor has launched the
next. A CUDA graph launches all of them at once. Values and gradients are those of the model.
"""

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.func import functional_call

from birnn_lightning.nn.cuda_graphs.kinds import identified, kind_of, modes, state_of
from birnn_lightning.nn.cuda_graphs.obstacles import is_observed, obstacle, runs_on_gpu
from birnn_lightning.nn.cuda_graphs.recording import Recording
from birnn_lightning.nn.engines.cudnn_weights import weights_stay
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.model import SequenceModel
from birnn_lightning.nn.recurrent import RecurrentLayer

_log = logging.getLogger(__name__)

RUNS_BEFORE = 2
"""Batches of a kind that run as ever before it is recorded: they load libraries, compile, and move
weights to where cuDNN wants them, after which they count anew."""
LIMIT = 16
"""Kinds of batches that are recorded, each in memory of its own; others run as ever."""
KINDS = 4096
"""Kinds whose runs are counted before the counts start anew."""


class CudaGraphs:
    """Runs a model; when a kind of batch has come some times, replays what it recorded of one.

    A kind is: shapes and types of the inputs, which of them have masks, the state of every part,
    whether there are gradients, autocast. What cannot be recorded runs as ever, and one line in the
    log says why.
    """

    def __init__(self) -> None:
        """Starts without recordings."""
        self._runs: dict[Hashable, int] = {}
        self._recordings: dict[Hashable, _Recorded] = {}
        self._memory: Hashable = ()
        self._reasons: set[str] = set()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """What copies and pickles hold: nothing."""
        return type(self), ()

    def __call__(
        self, model: SequenceModel, inputs: Sequence[Masked]
    ) -> Masked | tuple[Masked, ...]:
        """As the model itself."""
        if is_observed():
            return model(inputs)
        memory, parts, stateful = state_of(model)
        if memory != self._memory:  # the recordings read other weights
            self._runs.clear()
            self._recordings.clear()
            self._memory = memory
        tensors = tensors_of(inputs)
        if not tensors or not runs_on_gpu(tensors):
            return model(inputs)
        kind = (parts, kind_of(inputs), modes())
        found = self._recordings.get(kind) or self._recorded(kind, model, inputs, stateful)
        if found is None or not found.recording.is_free():
            return model(inputs)
        results = iter(found.recording([*tensors, *_states(stateful)]))
        outputs = tuple(
            Masked(next(results), next(results) if has else None) for has in found.layout
        )
        for layer in stateful:
            layer.states = tuple(next(results) for _ in range(layer.state_count))
        return outputs[0] if len(outputs) == 1 else outputs

    def _recorded(
        self,
        kind: Hashable,
        model: SequenceModel,
        inputs: Sequence[Masked],
        stateful: Sequence[RecurrentLayer],
    ) -> "_Recorded | None":
        """Records a kind of batch when it is due; None where it is not, or cannot be."""
        if len(self._runs) > KINDS:
            self._runs.clear()
        self._runs[kind] = runs = self._runs.get(kind, 0) + 1
        if runs != RUNS_BEFORE + 1:
            return None
        reason = obstacle(model, inputs)
        if len(self._recordings) >= LIMIT:
            reason = f"{LIMIT} kinds of batches are recorded, and no more"
        if reason is None:
            function = _Function(model, inputs, stateful)
            try:
                with _autocast_without_cache():
                    recording = Recording(
                        function,
                        [*tensors_of(inputs), *_states(stateful)],
                        dict(model.named_parameters()),
                        list(model.buffers()),
                    )
            except RuntimeError as error:
                reason = str(error).partition("\n")[0].rstrip(".")
            else:
                found = _Recorded(recording, function.layout, identified(model))
                self._recordings[kind] = found
                return found
        if reason not in self._reasons:
            self._reasons.add(reason)
            _log.warning("cuda_graphs: batches run without being recorded: %s.", reason)
        return None


class _Recorded(NamedTuple):
    """A recording of a model.

    Attributes:
        recording: of `_Function`.
        layout: of each output, whether it has a mask.
        alive: what `state_of` tells by its identity, which must not pass to another object.
    """

    recording: Recording
    layout: list[bool]
    alive: list[object]


class _Function:
    """A model as a function of tensors: inputs and states to outputs and states.

    Attributes:
        layout: of each output, whether it has a mask.
    """

    def __init__(
        self, model: SequenceModel, inputs: Sequence[Masked], stateful: Sequence[RecurrentLayer]
    ) -> None:
        self._model, self._stateful = model, stateful
        self._has_mask = [one.mask is not None for one in inputs]
        self._starts = [layer.states is not None for layer in stateful]
        self.layout: list[bool] = []

    def __call__(self, tensors: Sequence[Tensor], parameters: Mapping[str, Tensor]) -> list[Tensor]:
        given: Iterator[Tensor] = iter(tensors)
        masked = [Masked(next(given), next(given) if has else None) for has in self._has_mask]
        with weights_stay(), _restored(self._stateful):
            for layer, starts in zip(self._stateful, self._starts, strict=True):
                states = tuple(next(given) for _ in range(layer.state_count * starts))
                layer.states = states or None
            found = functional_call(self._model, dict(parameters), (masked,))
            outputs = (found,) if isinstance(found, Masked) else found
            self.layout = [one.mask is not None for one in outputs]
            return [*tensors_of(outputs), *_states(self._stateful)]


def _states(stateful: Sequence[RecurrentLayer]) -> list[Tensor]:
    """What stateful layers hold, layer by layer; nothing of one that starts from zeros."""
    return [state for layer in stateful for state in layer.states or ()]


@contextmanager
def _restored(stateful: Sequence[RecurrentLayer]) -> Iterator[None]:
    """Afterwards stateful layers hold what they held before."""
    kept = [layer.states for layer in stateful]
    try:
        yield
    finally:
        for layer, states in zip(stateful, kept, strict=True):
            layer.states = states


def tensors_of(inputs: Sequence[Masked]) -> list[Tensor]:
    """Values and masks in order."""
    return [part for one in inputs for part in one if part is not None]


def _autocast_without_cache() -> AbstractContextManager[object]:
    """Autocast as it is, but a weight's copy is made in each pass, not once."""
    return torch.autocast(
        "cuda",
        torch.get_autocast_dtype("cuda"),
        enabled=torch.is_autocast_enabled("cuda"),
        cache_enabled=False,
    )
