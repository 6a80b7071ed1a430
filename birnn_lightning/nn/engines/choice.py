"""Which engine serves a configuration, and why, in one sentence."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from birnn_lightning.nn.concatenation import is_traced
from birnn_lightning.nn.engines import batched, fused, native, scan, triton
from birnn_lightning.nn.engines.fused import compilation
from birnn_lightning.nn.engines.initial import with_states
from birnn_lightning.nn.engines.interface import Engine
from birnn_lightning.nn.specs import Recurrent


class EngineChoice(NamedTuple):
    """An engine's name and the reason it was chosen.

    Attributes:
        name: a key of `ENGINES`.
        reason: one sentence.
    """

    name: str
    reason: str


class Demand(NamedTuple):
    """What a batch asks of a layer, as far as the choice depends on it.

    Attributes:
        tokens: its rows times its steps.
        masked: whether it has a mask.
        wants_memory: whether the LSTM's final memory is wanted.
    """

    tokens: int = 0
    masked: bool = False
    wants_memory: bool = False


MANY_TOKENS = {"rnn": 50_000, "lstm": 100_000, "gru": 25_000}
"""From so many tokens on the Triton kernels train layers of up to `FEW_UNITS` faster than cuDNN,
which sums the gradients of biases slowly, the GRU's at 41 ns a token (H200, float32 without TF32;
the figures are in ``docs/engines.md``)."""
FEW_UNITS = 64
SLOW_IN_TF32_TOO = "gru"
"""Its sums of biases outweigh what cuDNN gains where it may multiply in TF32."""


class Offer(NamedTuple):
    """What an engine can do.

    Attributes:
        run: the engine.
        obstacle: why it cannot run a spec, in training or not; None where it can.
        of_machine: why it cannot run on a type of device, such as ``"cpu"``; None where it can.
        merit: what it does, to complete the sentence of a choice.
        of_dtype: why it cannot run a spec in a type of weights; None where it can.
        waits: why a masked pass on a GPU waits for the lengths of its rows, by spec and whether the
            LSTM's memory is wanted; None where it does not.
    """

    run: Engine
    obstacle: Callable[[Recurrent, bool], str | None]
    of_machine: Callable[[str], str | None]
    merit: str
    of_dtype: Callable[[Recurrent, torch.dtype], str | None] = lambda spec, dtype: None
    waits: Callable[[Recurrent, bool], str | None] = lambda spec, wants_memory: None


def _nothing(*_: object) -> None:
    """No obstacle."""


def _fused_on(device: str) -> str | None:
    if device != "cpu":
        return f"the compiled kernel is for the CPU; the layer is on {device!r}"
    return _lacks_kernel("float32")


def _fused_in(spec: Recurrent, dtype: torch.dtype) -> str | None:
    return _lacks_kernel("float64") if dtype == torch.float64 else None


def _lacks_kernel(precision: compilation.Precision) -> str | None:
    reason = compilation.obstacle(precision)
    return reason and f"there is no compiled kernel ({reason})"


_OFFERS: dict[str, Offer] = {
    "fused": Offer(
        fused.run,
        fused.obstacle,
        _fused_on,
        "a compiled kernel runs both directions at once",
        of_dtype=_fused_in,
    ),
    "native": Offer(
        with_states(native.run),
        native.obstacle,
        _nothing,
        "torch's own kernel computes this cell exactly",
        waits=native.waits,
    ),
    "triton": Offer(
        with_states(triton.run),
        triton.obstacle,
        triton.obstacle_of_machine,
        "a GPU kernel takes rows through all steps",
        of_dtype=triton.obstacle_of_dtype,
    ),
    "batched": Offer(
        with_states(batched.run),
        batched.obstacle,
        _nothing,
        "both directions of a step are one product",
        waits=batched.waits,
    ),
    "scan": Offer(
        with_states(scan.run), _nothing, _nothing, "one step after another, whatever the cell"
    ),
}
ENGINES: dict[str, Engine] = {name: offer.run for name, offer in _OFFERS.items()}


def choose_engine(
    specs: Sequence[Recurrent],
    requested: str = "auto",
    training: bool = True,
    device: str | None = "cpu",
    dtype: torch.dtype = torch.float32,
    demand: Demand | None = None,
) -> EngineChoice:
    """Chooses the engine for the directions of a layer.

    The first choice on a CPU may compile the kernel, once a machine.

    Args:
        specs: every cell of every direction.
        requested: ``"auto"``, or an engine's name.
        training: whether what acts in training alone, such as recurrent dropout, acts.
        device: type of the parameters' device, e.g. ``"cuda"``; None for any that suits.
        dtype: type of the parameters.
        demand: of the batch; None of a small one without a mask.

    Raises:
        ValueError: no such engine, or the requested one cannot do it.
    """
    if requested == "auto":
        reasons = []
        trains_in_float32 = training and _computes_in_float32(device, dtype)
        for name in _order(specs, device, demand or Demand(), trains_in_float32):
            reason = _obstacle(name, specs, training, device, dtype)
            if reason is None:
                because = "".join(f"; {one}" for one in reasons)
                return EngineChoice(name, f"{name}: {_OFFERS[name].merit}{because}.")
            reasons.append(reason)
    if requested not in _OFFERS:
        allowed = ", ".join(["auto", *_OFFERS])
        raise ValueError(f"engine must be one of {allowed}; got {requested!r}.")
    reason = _obstacle(requested, specs, training, device, dtype)
    if reason:
        raise ValueError(
            f"engine {requested!r} cannot run this layer: {reason}. Use 'auto' or 'scan'."
        )
    return EngineChoice(requested, f"{requested}: as requested.")


def waits(name: str, specs: Sequence[Recurrent], wants_memory: bool) -> str | None:
    """Why an engine's masked pass on a GPU waits for the lengths of its rows, or None.

    Args:
        name: of the engine.
        specs: every cell of every direction.
        wants_memory: whether the LSTM's final memory is wanted.
    """
    reasons = (_OFFERS[name].waits(spec, wants_memory) for spec in specs)
    return next((reason for reason in reasons if reason), None)


def _computes_in_float32(device: str | None, dtype: torch.dtype) -> bool:
    """Whether a layer runs in float32 on a GPU, and nobody traces how, as torch.compile does."""
    on_gpu = device in ("cuda", None) and not torch.is_autocast_enabled("cuda")
    return dtype == torch.float32 and on_gpu and not is_traced()


def _order(
    specs: Sequence[Recurrent], device: str | None, demand: Demand, trains_in_float32: bool
) -> tuple[str, ...]:
    """The engines from the fastest on."""
    if device != "cpu":
        # What cuDNN would have to pack, it launches step by step.
        packs = demand.masked and waits("native", specs, demand.wants_memory) is not None
        is_large = trains_in_float32 and all(_sums_slowly(spec, demand.tokens) for spec in specs)
        first = ("triton", "native") if packs or is_large else ("native", "triton")
        return (*first, "batched", "scan")
    # Without the compiled kernel: torch has a fused one for the LSTM alone (oneDNN's).
    torch_is_fast = all(spec.cell == "lstm" for spec in specs)
    rest = ("native", "batched") if torch_is_fast else ("batched", "native")
    return ("fused", *rest, "scan")


def _sums_slowly(spec: Recurrent, tokens: int) -> bool:
    """Whether cuDNN takes longer for the gradients of biases than the Triton kernels for all."""
    in_tf32 = torch.backends.cudnn.rnn.fp32_precision == "tf32"  # pyright: ignore[reportAttributeAccessIssue]
    return (
        spec.use_bias
        and spec.hidden_size <= FEW_UNITS
        and tokens >= MANY_TOKENS[spec.cell]
        and (spec.cell == SLOW_IN_TF32_TOO or not in_tf32)
        and triton.keeps_matrices(spec)
    )


def _obstacle(
    name: str,
    specs: Sequence[Recurrent],
    training: bool,
    device: str | None,
    dtype: torch.dtype,
) -> str | None:
    """The first reason why an engine cannot run the specs, or None."""
    offer = _OFFERS[name]
    reasons = (offer.obstacle(spec, training) or offer.of_dtype(spec, dtype) for spec in specs)
    of_spec = next((reason for reason in reasons if reason), None)
    return of_spec or (None if device is None else offer.of_machine(device))
