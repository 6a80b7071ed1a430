"""An engine runs a recurrent layer's directions; a rule says which one serves a configuration."""

from birnn_lightning.nn.engines.choice import (
    ENGINES,
    Demand,
    EngineChoice,
    choose_engine,
    waits,
)
from birnn_lightning.nn.engines.interface import Direction, DropoutFactors, Outcome

__all__ = [
    "ENGINES",
    "Demand",
    "Direction",
    "DropoutFactors",
    "EngineChoice",
    "Outcome",
    "choose_engine",
    "waits",
]
