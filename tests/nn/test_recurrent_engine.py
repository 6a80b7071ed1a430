"""A recurrent layer asks for the engine of the batch that it gets."""

import pytest
import torch

from birnn_lightning.nn import Masked, RecurrentLayer, recurrent
from birnn_lightning.nn.engines import Demand, choose_engine
from birnn_lightning.nn.specs import Bidirectional, CellName, Recurrent
from tests.nn.samples import BATCH, HIDDEN, INPUT, MASKS, TIME, features


@pytest.fixture
def demands(monkeypatch: pytest.MonkeyPatch) -> list[Demand]:
    """What was asked for."""
    found: list[Demand] = []

    def watch(*arguments):
        found.append(arguments[-1])
        return choose_engine(*arguments)

    monkeypatch.setattr(recurrent, "choose_engine", watch)
    return found


def build(cell: CellName, **fields) -> RecurrentLayer:
    spec = Recurrent(cell=cell, hidden_size=HIDDEN, **fields)
    return RecurrentLayer(Bidirectional(forward=spec), (None, INPUT))


class Forgetful(dict):
    """Remembers no choice, as layers do on a GPU."""

    def __setitem__(self, key, value) -> None:
        pass


@pytest.mark.parametrize("return_state", [False, True])
def test_the_demand_is_that_of_the_batch(return_state: bool, demands: list[Demand]) -> None:
    layer = build("lstm", return_state=return_state)
    layer._choices = Forgetful()
    layer(Masked(features().float()))
    layer(Masked(features().float(), MASKS["interior"]))
    layer.waits()
    assert demands == [
        Demand(BATCH * TIME, False, return_state),
        Demand(BATCH * TIME, True, return_state),
        Demand(0, True, return_state),
    ]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_shapes_without_memory(cell: CellName, mask: torch.Tensor | None, training: bool) -> None:
    layer = build(cell).to("meta").train(training)
    given = None if mask is None else mask.to("meta")
    output = layer(Masked(features().float().to("meta"), given))
    assert isinstance(output, Masked)
    assert output.values.shape == (BATCH, 2 * HIDDEN)


def test_a_choice_is_remembered_on_a_cpu_until_something_changes(demands: list[Demand]) -> None:
    layer = build("gru", recurrent_dropout=0.25)
    names = []
    for change in (layer.train, layer.eval, layer.double, lambda: request(layer, "scan")):
        change()
        names += [layer.engine().name for _ in range(3)]
    assert len(demands) == 4
    assert names[-3:] == 3 * ["scan"]
    layer.to("meta")
    asked = [layer.engine(7), layer.engine(7)]
    assert len(demands) == 4 + len(asked)


def request(layer: RecurrentLayer, engine: str) -> None:
    layer.requested_engine = engine
