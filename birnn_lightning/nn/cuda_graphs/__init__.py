"""On a GPU, a model's passes over batches of one shape are recorded once and replayed in a launch.

A recurrent layer of a few dozen units is done with a kernel before the processor has launched the
next. A CUDA graph launches all of them at once. Values and gradients are those of the model.
"""

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import functional_call

from birnn_lightning.nn.cuda_graphs.recording import Recording
from birnn_lightning.nn.engines.cudnn_weights import weights_stay
from birnn_lightning.nn.layers import Custom, Embedding, Masking
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.model import SequenceModel
from birnn_lightning.nn.recurrent import RecurrentLayer

_log = logging.getLogger(__name__)

RUNS_BEFORE = 2
"""Batches of a kind that run as ever before it is recorded: they load libraries and compile."""
LIMIT = 16
"""Kinds of batches that are recorded, each in memory of its own; others run as ever."""


class CudaGraphs:
    """Runs a model; from the third batch of a kind on it replays what was recorded of it.

    A kind is: shapes and types of the inputs, which of them have masks, the state of every part,
    whether there are gradients, autocast. What cannot be recorded runs as ever, and one line in the
    log says why.
    """

    def __init__(self) -> None:
        """Starts without recordings."""
        self._runs: dict[Hashable, int] = {}
        self._recordings: dict[Hashable, tuple[Recording, list[bool]]] = {}
        self._memory: Hashable = ()
        self._reasons: set[str] = set()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """What copies and pickles hold: nothing."""
        return type(self), ()

    def __call__(
        self, model: SequenceModel, inputs: Sequence[Masked]
    ) -> Masked | tuple[Masked, ...]:
        """As the model itself."""
        tensors = tensors_of(inputs)
        if not tensors or not runs_on_gpu(tensors):
            return model(inputs)
        memory, parts, stateful = _state(model)
        if memory != self._memory:  # the recordings read other weights
            self._runs.clear()
            self._recordings.clear()
            self._memory = memory
        kind = (parts, _kind(inputs), _modes())
        found = self._recordings.get(kind) or self._recorded(kind, model, inputs, stateful)
        if found is None or not found[0].is_free():
            return model(inputs)
        recording, layout = found
        results = iter(recording([*tensors, *_states(stateful)]))
        outputs = tuple(Masked(next(results), next(results) if has else None) for has in layout)
        for layer in stateful:
            layer.states = tuple(next(results) for _ in range(layer.state_count))
        return outputs[0] if len(outputs) == 1 else outputs

    def _recorded(
        self,
        kind: Hashable,
        model: SequenceModel,
        inputs: Sequence[Masked],
        stateful: Sequence[RecurrentLayer],
    ) -> tuple[Recording, list[bool]] | None:
        """Records a kind of batch when it is due; None where it is not, or cannot be."""
        self._runs[kind] = runs = self._runs.get(kind, 0) + 1
        if runs != RUNS_BEFORE + 1 or len(self._recordings) >= LIMIT:
            return None
        reason = obstacle(model, inputs)
        if reason is None:
            function = _Function(model, inputs, stateful)
            try:
                with _autocast_without_cache(), _restored(stateful):
                    recording = Recording(
                        function,
                        [*tensors_of(inputs), *_states(stateful)],
                        dict(model.named_parameters()),
                        list(model.buffers()),
                    )
            except RuntimeError as error:
                reason = str(error).partition("\n")[0].rstrip(".")
            else:
                self._recordings[kind] = (recording, function.layout)
                return self._recordings[kind]
        if reason not in self._reasons:
            self._reasons.add(reason)
            _log.warning("cuda_graphs: batches run without being recorded: %s.", reason)
        return None


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
        for layer, starts in zip(self._stateful, self._starts, strict=True):
            states = tuple(next(given) for _ in range(layer.state_count * starts))
            layer.states = states or None
        with weights_stay():
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


def runs_on_gpu(tensors: Sequence[Tensor]) -> bool:
    """Whether they are on a GPU, and nothing but the GPU looks at what is computed."""
    return (
        all(one.is_cuda for one in tensors)
        and not torch.compiler.is_compiling()
        and not torch.cuda.is_current_stream_capturing()
        and not torch._C._are_functorch_transforms_active()
    )


def obstacle(model: SequenceModel, inputs: Sequence[Masked]) -> str | None:
    """Why a model's passes over such inputs cannot be recorded, or None; it has run before."""
    if model.activity_losses.terms:
        return "penalties of outputs leave the model beside its outputs"
    layers = list(model.modules())
    masked = any(one.mask is not None for one in inputs) or any(
        isinstance(one, Masking) or (isinstance(one, Embedding) and one.mask_zero) for one in layers
    )
    for layer in layers:
        reason = _obstacle_of(layer, masked)
        if reason:
            return reason
    return None


def _obstacle_of(layer: nn.Module, masked: bool) -> str | None:
    """Why a layer cannot be recorded, or None."""
    if layer._forward_hooks or layer._forward_pre_hooks:
        return f"a {type(layer).__name__} has hooks, which a replay would not call"
    if getattr(layer, "noise", None) is not None:
        return "a layer's noise is given, not drawn on the GPU"
    if isinstance(layer, Custom):
        return "a custom layer may do more than launch work on the GPU"
    if isinstance(layer, Embedding) and layer.sparse_gradients:
        return "an Embedding's gradients are sparse, of a size that the batch decides"
    if isinstance(layer, RecurrentLayer) and masked:
        return layer.waits()
    return None


def _state(model: SequenceModel) -> tuple[Hashable, Hashable, list[RecurrentLayer]]:
    """Where the model's tensors are; what of its parts decides what they launch; stateful layers.

    Every call asks, so this goes the short way through `torch.nn.Module`.
    """
    memory: list[int] = []
    parts: list[Hashable] = []
    stateful: list[RecurrentLayer] = []
    waiting: list[nn.Module] = [model]
    for module in waiting:
        waiting += [one for one in module._modules.values() if one is not None]
        state = module.__dict__
        hooked = bool(module._forward_hooks or module._forward_pre_hooks)
        given = state.get("noise") is not None
        parts.append((module.training, state.get("requested_engine"), hooked, given))
        if isinstance(module, RecurrentLayer) and module.is_stateful:
            stateful.append(module)
            parts.append(tuple(one.shape for one in module.states or ()))
        for parameter in module._parameters.values():
            if parameter is not None:
                memory.append(parameter.data_ptr())
                parts.append(parameter.requires_grad)
        memory += [one.data_ptr() for one in module._buffers.values() if one is not None]
    return tuple(memory), tuple(parts), stateful


def _kind(inputs: Sequence[Masked]) -> Hashable:
    """What the inputs must have in common; None where there is no mask."""
    return tuple(
        None if part is None else (part.shape, part.stride(), part.dtype, part.requires_grad)
        for one in inputs
        for part in one
    )


def _modes() -> Hashable:
    """The switches of torch that decide what is launched."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda"),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
    )


def _autocast_without_cache() -> AbstractContextManager[object]:
    """Autocast as it is, but a weight's copy is made in each pass, not once."""
    return torch.autocast(
        "cuda",
        torch.get_autocast_dtype("cuda"),
        enabled=torch.is_autocast_enabled("cuda"),
        cache_enabled=False,
    )
