"""Sizes that agree by no chance, masks of every kind, and weights that are all random."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from birnn_lightning.nn.cells import Weights, cell_of
from birnn_lightning.nn.engines import Direction
from birnn_lightning.nn.specs import STATES, CellName, Recurrent
from birnn_lightning.nn.specs.recurrent import OF_SOME_CELLS

BATCH, TIME, INPUT, HIDDEN, CLASSES = 2, 7, 3, 5, 11
OTHER_HIDDEN = 13


def rows(*rows: str) -> Tensor:
    """A mask from strings: ``x`` is a valid step."""
    return torch.tensor([[step == "x" for step in row] for row in rows])


MASKS: dict[str, Tensor] = {
    "nothing masked": rows("xxxxxxx", "xxxxxxx"),
    "right": rows("xxxxxxx", "xxx...."),
    "left": rows("..xxxxx", "......x"),
    "interior": rows("x..xx.x", ".xx.x.."),
    "one valid step": rows("...x...", "x......"),
    "empty row": rows(".......", "xx.xx.x"),
    "all rows empty": rows(".......", "......."),
}
EVERY_MASK = [
    pytest.param(None, id="no mask"),
    *(pytest.param(mask, id=name) for name, mask in MASKS.items()),
]


def suited(cell: CellName, fields: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that a cell has."""
    return {
        name: value
        for name, value in fields.items()
        if name not in OF_SOME_CELLS or cell in OF_SOME_CELLS[name][0]
    }


def uniform(*shape: int, seed: int) -> Tensor:
    """float64 numbers from U(-1, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


def features(seed: int = 0) -> Tensor:
    """Inputs ``(batch, time, input)``."""
    return uniform(BATCH, TIME, INPUT, seed=seed)


def direction(spec: Recurrent, seed: int = 0) -> Direction:
    """A direction whose weights, biases (both of them) and initial state are random."""
    cell = cell_of(spec)
    size = len(cell.gates) * spec.hidden_size
    bias_ih = uniform(size, seed=seed + 101) if spec.use_bias else None
    has_bias_hh = spec.use_bias and (spec.cell != "gru" or spec.reset_after)
    return Direction(
        spec=spec,
        weights=Weights(
            weight_ih=uniform(size, INPUT, seed=seed + 102),
            weight_hh=uniform(size, spec.hidden_size, seed=seed + 103),
            bias_ih=bias_ih,
            bias_hh=uniform(size, seed=seed + 104) if has_bias_hh else None,
        ),
        state=tuple(
            uniform(BATCH, spec.hidden_size, seed=seed + 105 + index)
            for index in range(len(STATES[spec.cell]))
        ),
    )


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Draws every parameter, biases too, from U(-1, 1)."""
    with torch.no_grad():
        for index, parameter in enumerate(module.parameters()):
            parameter.copy_(uniform(*parameter.shape, seed=seed + 1000 + index))
