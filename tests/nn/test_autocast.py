"""Every engine computes under bfloat16 autocast, a rounding away from float64."""

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.engines import ENGINES
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.specs import Bidirectional, CellName, Recurrent
from tests.nn.samples import HIDDEN, INPUT, MASKS, TIME, features, randomise

# bfloat16 keeps 8 bits: 4e-3 of values up to 1, carried through 7 steps of sums of 8 products.
TOLERANCE = 0.05


def build(cell: CellName, engine: str) -> RecurrentLayer:
    spec = Recurrent(cell=cell, hidden_size=HIDDEN, return_sequences=True)
    layer = RecurrentLayer(Bidirectional(forward=spec), (TIME, INPUT)).double()
    randomise(layer)
    layer.requested_engine = engine
    return layer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_autocast(engine: str, cell: CellName, mask: Tensor | None, dtype: torch.dtype) -> None:
    truth = build(cell, "scan")(Masked(features() / 4, mask)).values
    layer = build(cell, engine).float()
    with torch.autocast("cpu", torch.bfloat16):
        ours = layer(Masked((features() / 4).to(dtype), mask)).values
    assert (ours.double() - truth).abs().max() <= TOLERANCE
    ours.float().sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.abs().max() > 0
