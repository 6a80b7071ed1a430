"""New weights come from Keras's distributions."""

import math

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import RecurrentLayer, initializers, specs
from birnn_lightning.nn.layers import Dense, Embedding
from birnn_lightning.nn.specs import Bidirectional, CellName, Recurrent

INPUT, HIDDEN = 97, 101
GATES: dict[CellName, int] = {"rnn": 1, "lstm": 4, "gru": 3}
CELLS = [pytest.param(cell, id=cell) for cell in GATES]
FALSE_ALARM = 1e-9


def assert_uniform(weight: Tensor, limit: float) -> None:
    """Fails for one sample in 10⁹ that is U(-limit, limit).

    The bound is that of Dvoretzky, Kiefer and Wolfowitz, P(D > d) <= 2 exp(-2 n d²), for the
    largest difference D between the sample's distribution function and the uniform one.
    """
    assert weight.abs().max() <= limit
    sample = weight.detach().flatten().double().sort().values
    count = len(sample)
    uniform = (sample + limit) / (2 * limit)
    above = torch.arange(1, count + 1, dtype=torch.float64) / count - uniform
    distance = max(float(above.max()), float((1 / count - above).max()))
    assert distance <= math.sqrt(math.log(2 / FALSE_ALARM) / (2 * count))


def glorot_limit(fan_in: int, fan_out: int) -> float:
    return math.sqrt(6 / (fan_in + fan_out))


def layer(cell: CellName, **fields) -> RecurrentLayer:
    recurrent = Recurrent(cell=cell, hidden_size=HIDDEN, **fields)
    return RecurrentLayer(Bidirectional(forward=recurrent), (None, INPUT))


@pytest.mark.parametrize("suffix", ["", "_reverse"])
@pytest.mark.parametrize("cell", CELLS)
def test_input_weights_are_glorot_uniform_over_all_gates(cell: CellName, suffix: str) -> None:
    weight = layer(cell).weights(suffix).weight_ih
    assert_uniform(weight, glorot_limit(INPUT, GATES[cell] * HIDDEN))


@pytest.mark.parametrize(
    ("fan_out", "limit"),
    [
        pytest.param(HIDDEN, glorot_limit(INPUT, 4 * HIDDEN), id="too wide: per gate"),
        pytest.param(4 * HIDDEN, glorot_limit(INPUT, HIDDEN), id="too narrow"),
        pytest.param(4 * HIDDEN, 1.05 * glorot_limit(INPUT, 4 * HIDDEN), id="5% narrow"),
    ],
)
def test_the_check_can_fail(fan_out: int, limit: float) -> None:
    weight = torch.empty(4 * HIDDEN, INPUT).uniform_(-1, 1) * glorot_limit(INPUT, fan_out)
    with pytest.raises(AssertionError):
        assert_uniform(weight, limit)


@pytest.mark.parametrize("suffix", ["", "_reverse"])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_weights_are_orthogonal_as_a_whole(cell: CellName, suffix: str) -> None:
    weight = layer(cell).weights(suffix).weight_hh.detach().double()
    gram = weight.T @ weight
    torch.testing.assert_close(gram, torch.eye(HIDDEN, dtype=torch.float64), rtol=0, atol=1e-5)
    if cell != "rnn":
        gate = weight[:HIDDEN]
        assert (gate.T @ gate - torch.eye(HIDDEN)).abs().max() > 0.1, "orthogonal by gate"


def test_directions_are_drawn_apart() -> None:
    forward, backward = (layer("gru").weights(suffix) for suffix in ("", "_reverse"))
    assert not torch.equal(forward.weight_ih, backward.weight_ih)
    assert not torch.equal(forward.weight_hh, backward.weight_hh)


@pytest.mark.parametrize("suffix", ["", "_reverse"])
def test_the_forget_bias_is_one(suffix: str) -> None:
    bias = layer("lstm").weights(suffix).bias_ih
    assert bias is not None
    i, f, g, o = bias.chunk(4)
    assert (f == 1).all()
    assert not torch.cat([i, g, o]).any()


@pytest.mark.parametrize(
    ("cell", "fields"),
    [
        pytest.param("lstm", {"unit_forget_bias": False}, id="lstm without"),
        pytest.param("rnn", {}, id="rnn"),
        pytest.param("gru", {}, id="gru"),
    ],
)
def test_other_biases_are_zero(cell: CellName, fields: dict) -> None:
    weights = layer(cell, **fields).weights("")
    assert weights.bias_ih is not None
    assert weights.bias_hh is not None
    assert not torch.cat([weights.bias_ih, weights.bias_hh]).any()


def test_embedding_rows_are_uniform_zero_included() -> None:
    embedding = Embedding(
        specs.Embedding(vocab_size=101, embedding_dim=97, mask_zero=True), (None,)
    )
    assert_uniform(embedding.weight, 0.05)
    assert_uniform(embedding.weight[0], 0.05)


def test_dense_is_glorot_uniform_with_zero_bias() -> None:
    dense = Dense(specs.Dense(units=HIDDEN), (INPUT,))
    assert_uniform(dense.weight, glorot_limit(INPUT, HIDDEN))
    assert dense.bias is not None
    assert not dense.bias.any()


def test_reset_parameters_draws_everything_again() -> None:
    lstm = layer("lstm")
    before = {name: value.clone() for name, value in lstm.state_dict().items()}
    for value in lstm.state_dict().values():
        value.fill_(7)
    lstm.reset_parameters()
    after = lstm.state_dict()
    assert not torch.equal(after["weight_ih_l0"], before["weight_ih_l0"])
    assert_uniform(after["weight_ih_l0_reverse"], glorot_limit(INPUT, 4 * HIDDEN))
    assert torch.equal(after["bias_ih_l0_reverse"], before["bias_ih_l0_reverse"])
    assert not after["bias_hh_l0"].any()


def test_a_gate_that_is_not_there_gets_no_one() -> None:
    assert not initializers.forget_bias_(torch.full((15,), 7.0), "rzn").any()
