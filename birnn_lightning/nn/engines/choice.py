"""Which engine serves a configuration, and why, in one sentence."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from birnn_lightning.nn.engines import batched, fused, native, scan, triton
from birnn_lightning.nn.engines.fused import compilation
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


class Offer(NamedTuple):
    """What an engine can do.

    Attributes:
        run: the engine.
        obstacle: why it cannot run a spec, in training or not; None where it can.
        of_machine: why it cannot run on a type of device, such as ``"cpu"``; None where it can.
        merit: what it does, to complete the sentence of a choice.
    """

    run: Engine
    obstacle: Callable[[Recurrent, bool], str | None]
    of_machine: Callable[[str], str | None]
    merit: str


def _nothing(*_: object) -> None:
    """No obstacle."""


def _fused_on(device: str) -> str | None:
    if device != "cpu":
        return f"the compiled kernel is for the CPU; the layer is on {device!r}"
    reason = compilation.obstacle()
    return reason and f"there is no compiled kernel ({reason})"


_OFFERS: dict[str, Offer] = {
    "fused": Offer(
        fused.run, fused.obstacle, _fused_on, "a compiled kernel runs both directions at once"
    ),
    "native": Offer(
        native.run, native.obstacle, _nothing, "torch's own kernel computes this cell exactly"
    ),
    "triton": Offer(
        triton.run,
        triton.obstacle,
        triton.obstacle_of_machine,
        "a GPU kernel takes rows through all steps",
    ),
    "batched": Offer(
        batched.run, batched.obstacle, _nothing, "both directions of a step are one product"
    ),
    "scan": Offer(scan.run, _nothing, _nothing, "one step after another, whatever the cell"),
}
ENGINES: dict[str, Engine] = {name: offer.run for name, offer in _OFFERS.items()}


def choose_engine(
    specs: Sequence[Recurrent],
    requested: str = "auto",
    training: bool = True,
    device: str = "cpu",
) -> EngineChoice:
    """Chooses the engine for the directions of a layer.

    The first choice on a CPU may compile the kernel, once a machine.

    Args:
        specs: every cell of every direction.
        requested: ``"auto"``, or an engine's name.
        training: whether what acts in training alone, such as recurrent dropout, acts.
        device: type of the parameters' device, e.g. ``"cuda"``.

    Raises:
        ValueError: no such engine, or the requested one cannot do it.
    """
    if requested == "auto":
        reasons = []
        for name in _order(specs, device):
            reason = _obstacle(name, specs, training, device)
            if reason is None:
                because = "".join(f"; {one}" for one in reasons)
                return EngineChoice(name, f"{name}: {_OFFERS[name].merit}{because}.")
            reasons.append(reason)
    if requested not in _OFFERS:
        allowed = ", ".join(["auto", *_OFFERS])
        raise ValueError(f"engine must be one of {allowed}; got {requested!r}.")
    reason = _obstacle(requested, specs, training, device)
    if reason:
        raise ValueError(
            f"engine {requested!r} cannot run this layer: {reason}. Use 'auto' or 'scan'."
        )
    return EngineChoice(requested, f"{requested}: as requested.")


def _order(specs: Sequence[Recurrent], device: str) -> tuple[str, ...]:
    """The engines from the fastest on."""
    if device != "cpu":
        return ("native", "batched", "scan")
    # Without the compiled kernel: torch has a fused one for the LSTM alone (oneDNN's).
    torch_is_fast = all(spec.cell == "lstm" for spec in specs)
    rest = ("native", "batched") if torch_is_fast else ("batched", "native")
    return ("fused", *rest, "scan")


def _obstacle(name: str, specs: Sequence[Recurrent], training: bool, device: str) -> str | None:
    """The first reason why an engine cannot run the specs, or None."""
    offer = _OFFERS[name]
    reasons = (offer.obstacle(spec, training) for spec in specs)
    return next((reason for reason in reasons if reason), None) or offer.of_machine(device)
