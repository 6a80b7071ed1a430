"""Which engine serves a configuration, and why, in one sentence."""

from collections.abc import Sequence
from typing import NamedTuple

from birnn_lightning.nn.engines import native, scan
from birnn_lightning.nn.engines.interface import Engine
from birnn_lightning.nn.specs import Recurrent

ENGINES: dict[str, Engine] = {"scan": scan.run, "native": native.run}


class EngineChoice(NamedTuple):
    """An engine's name and the reason it was chosen.

    Attributes:
        name: a key of `ENGINES`.
        reason: one sentence.
    """

    name: str
    reason: str


def choose_engine(
    specs: Sequence[Recurrent], requested: str = "auto", training: bool = True
) -> EngineChoice:
    """Chooses the engine for the directions of a layer.

    Args:
        specs: every cell of every direction.
        requested: ``"auto"``, or an engine's name.
        training: whether what acts in training alone, such as recurrent dropout, acts.

    Raises:
        ValueError: no such engine, or the requested one cannot do it.
    """
    obstacles = [reason for spec in specs if (reason := native.obstacle(spec, training))]
    if requested == "auto":
        if obstacles:
            return EngineChoice("scan", f"scan: {obstacles[0]}.")
        return EngineChoice("native", "native: torch's own kernel computes this cell exactly.")
    if requested not in ENGINES:
        allowed = ", ".join(["auto", *ENGINES])
        raise ValueError(f"engine must be one of {allowed}; got {requested!r}.")
    if requested == "native" and obstacles:
        raise ValueError(f"engine 'native' cannot run this layer: {obstacles[0]}. Use 'scan'.")
    return EngineChoice(requested, f"{requested}: as requested.")
