"""States go in and out, and a stateful layer keeps them from one batch to the next."""

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, RecurrentLayer, SequenceModel
from birnn_lightning.nn.specs import (
    STATES,
    Bidirectional,
    CellName,
    Input,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
)
from tests.nn.samples import BATCH, HIDDEN, INPUT, MASKS, TIME, features, randomise, uniform

CELLS = [pytest.param(cell, id=cell) for cell in STATES]
SHAPE = (None, INPUT)
EXACT = {"rtol": 0, "atol": 1e-12}


def random_layer(spec: Recurrent | RecurrentStack | Bidirectional) -> RecurrentLayer:
    layer = RecurrentLayer(spec, SHAPE).double()
    randomise(layer)
    return layer


def values(result: Masked | tuple[Masked, ...]) -> list[Tensor]:
    return [one.values for one in ((result,) if isinstance(result, Masked) else result)]


def stateful(cell: CellName, return_state: bool = False) -> Bidirectional:
    return Bidirectional(
        forward=Recurrent(cell=cell, hidden_size=HIDDEN, stateful=True, return_state=return_state)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_final_states_follow_the_output(cell: CellName) -> None:
    spec = Recurrent(cell=cell, hidden_size=HIDDEN, return_sequences=True, return_state=True)
    output, *states = values(random_layer(Bidirectional(forward=spec))(Masked(features())))
    count = len(STATES[cell])
    assert len(states) == 2 * count
    forward, backward = output.chunk(2, dim=-1)
    torch.testing.assert_close(states[0], forward[:, -1], **EXACT)
    torch.testing.assert_close(states[count], backward[:, 0], **EXACT)
    assert (states[0] - states[count]).abs().max() > 1e-2


@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("cell", CELLS)
def test_two_halves_with_the_state_between_are_one_whole(
    cell: CellName, mask: Tensor | None
) -> None:
    spec = Recurrent(cell=cell, hidden_size=HIDDEN, return_sequences=True, return_state=True)
    layer, cut = random_layer(spec), 3
    whole, *end = values(layer(Masked(features(), mask)))
    parts = [
        Masked(features()[:, part], None if mask is None else mask[:, part])
        for part in (slice(cut), slice(cut, None))
    ]
    first, *between = values(layer(parts[0]))
    second, *last = values(layer(parts[1], *map(Masked, between)))
    if mask is None:  # under a mask, steps before the second half's first valid one are 0
        torch.testing.assert_close(torch.cat([first, second], dim=1), whole, **EXACT)
    for one, other in zip(last, end, strict=True):
        torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stateful_layer_starts_where_it_ended(cell: CellName) -> None:
    layer = random_layer(stateful(cell, return_state=True))
    first = values(layer(Masked(features())))
    given = [Masked(state) for state in first[1:]]
    second = values(layer(Masked(features(seed=1))))
    layer.reset_states()
    again = values(layer(Masked(features())))
    with_given = values(layer(Masked(features(seed=1)), *given))
    for one, other in zip([*first, *second], [*again, *with_given], strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(first[0], second[0])


def test_given_states_win_over_kept_ones() -> None:
    layer = random_layer(stateful("gru"))
    layer(Masked(features()))
    zeros = [Masked(torch.zeros(BATCH, HIDDEN, dtype=torch.float64))] * 2
    given = values(layer(Masked(features()), *zeros))
    layer.reset_states()
    assert torch.equal(given[0], values(layer(Masked(features())))[0])


def test_another_batch_size_is_refused_by_name_of_the_way_out() -> None:
    layer = random_layer(stateful("lstm"))
    layer(Masked(features()))
    with pytest.raises(ValueError, match=r"holds states for a batch of 2; got 1 .*reset_states"):
        layer(Masked(features()[:1]))


def test_states_of_validation_may_enter_training() -> None:
    layer = random_layer(stateful("gru"))
    with torch.inference_mode():
        layer(Masked(features()))
    (output,) = values(layer(Masked(features())))
    output.sum().backward()
    (output,) = values(layer(Masked(features())))  # whose graph ends at the batch
    output.sum().backward()


def test_kept_states_are_no_part_of_a_checkpoint() -> None:
    layer = random_layer(stateful("gru"))
    names = set(layer.state_dict())
    layer(Masked(features()))
    assert set(layer.state_dict()) == names


def test_a_mask_of_another_shape_is_refused() -> None:
    layer = random_layer(Recurrent(cell="gru", hidden_size=HIDDEN))
    with pytest.raises(ValueError, match=r"mask must be a bool tensor of shape \(2, 7\)"):
        layer(Masked(features(), torch.ones(BATCH, TIME, INPUT, dtype=torch.bool)))


def encoder_and_decoder() -> SequenceModel:
    encoder = Recurrent(cell="lstm", hidden_size=HIDDEN, return_sequences=True, return_state=True)
    nodes = (
        Node(name="features", layer=Input(shape=SHAPE)),
        Node(name="encoder", layer=encoder),
        Node(
            name="decoder",
            layer=Recurrent(cell="lstm", hidden_size=HIDDEN),
            inputs=("encoder", "encoder:1", "encoder:2"),
        ),
    )
    model = SequenceModel(ModelSpec(nodes)).double()
    randomise(model)
    return model


def test_states_run_along_the_edges_of_a_graph() -> None:
    model = encoder_and_decoder()
    stages = model.stages([Masked(features())])
    assert list(stages) == ["features", "encoder", "encoder:1", "encoder:2", "decoder"]
    decoder = model.layers["decoder"]
    expected = values(decoder(*(stages[name] for name in ("encoder", "encoder:1", "encoder:2"))))
    assert torch.equal(stages["decoder"].values, expected[0])
    assert not torch.equal(stages["decoder"].values, values(decoder(stages["encoder"]))[0])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        pytest.param(("encoder:3",), "takes 'encoder:3', an output that is not there", id="none"),
        pytest.param(("encoder", "encoder:1"), "takes 1 or 3 inputs", id="too few states"),
        pytest.param(
            ("encoder", "other", "other"),
            r"initial states must have the shapes \[\(5,\), \(5,\)\]; got",
            id="another size",
        ),
    ],
)
def test_states_that_do_not_fit(inputs: tuple[str, ...], message: str) -> None:
    encoder = Recurrent(cell="lstm", hidden_size=HIDDEN, return_sequences=True, return_state=True)
    nodes = (
        Node(name="features", layer=Input(shape=SHAPE)),
        Node(name="other", layer=Input(shape=(HIDDEN + 2,))),
        Node(name="encoder", layer=encoder, inputs=("features",)),
        Node(name="decoder", layer=Recurrent(cell="lstm", hidden_size=HIDDEN), inputs=inputs),
    )
    with pytest.raises(ValueError, match=message):
        ModelSpec(nodes)


def test_the_cells_of_a_stack_see_their_own_direction_alone() -> None:
    """Unlike two bidirectional layers: a change of one direction's weights leaves the other."""
    cells = tuple(Recurrent(cell="gru", hidden_size=size) for size in (HIDDEN, HIDDEN + 2))
    layer = random_layer(Bidirectional(forward=RecurrentStack(cells=cells), merge_mode=None))
    before = values(layer(Masked(features())))
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").add_(uniform(3 * HIDDEN, HIDDEN, seed=3))
    after = values(layer(Masked(features())))
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
