"""A layer's new weights come from the initialisers of its spec, which are Keras's."""

import math

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import RecurrentLayer, specs
from birnn_lightning.nn.layers import Dense, Embedding
from birnn_lightning.nn.specs import Bidirectional, CellName, Recurrent
from birnn_lightning.nn.specs.initializers import (
    INITIALIZERS,
    Constant,
    RandomUniform,
    VarianceScaling,
    Zeros,
)
from tests.nn.distributions import assert_distribution, cdf_of, uniform_cdf

INPUT, HIDDEN = 97, 101
GATES: dict[CellName, int] = {"rnn": 1, "lstm": 4, "gru": 3}
CELLS = [pytest.param(cell, id=cell) for cell in GATES]


def assert_uniform(weight: Tensor, limit: float) -> None:
    assert weight.abs().max() <= limit * (1 + 1e-7)
    assert_distribution(weight.detach().numpy(), uniform_cdf(-limit, limit))


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


def test_every_initialiser_reaches_its_weight() -> None:
    weights = layer(
        "gru",
        kernel_initializer="he_normal",
        recurrent_initializer=RandomUniform(minval=2.0, maxval=3.0),
        bias_initializer=Constant(value=-7.0),
    ).weights("_reverse")
    assert_distribution(
        weights.weight_ih.detach().numpy(),
        cdf_of(VarianceScaling(scale=2.0), (INPUT, 3 * HIDDEN)),
    )
    assert_distribution(weights.weight_hh.detach().numpy(), uniform_cdf(2.0, 3.0))
    assert weights.bias_ih is not None
    assert weights.bias_hh is not None
    assert (torch.stack([weights.bias_ih, weights.bias_hh]) == -7).all()


def test_the_two_biases_of_a_gru_are_one_array_with_a_fan_in_of_two() -> None:
    bias = INITIALIZERS["lecun_uniform"]
    spec = Recurrent(
        cell="gru", hidden_size=1009, recurrent_initializer=Zeros(), bias_initializer=bias
    )
    weights = RecurrentLayer(spec, (None, 1)).weights("")
    assert weights.bias_ih is not None
    assert weights.bias_hh is not None
    both = torch.stack([weights.bias_ih, weights.bias_hh])
    assert_uniform(both, math.sqrt(3 / 2))
    assert not torch.equal(*both)


def test_the_forget_gate_alone_is_without_the_bias_initialiser() -> None:
    bias = layer("lstm", bias_initializer=Constant(value=-7.0)).weights("").bias_ih
    assert bias is not None
    assert [set(gate.tolist()) for gate in bias.chunk(4)] == [{-7.0}, {1.0}, {-7.0}, {-7.0}]


def test_the_parts_of_an_lstm_bias_have_fans_of_their_own() -> None:
    """Keras draws what is before the forget gate and what is after it as arrays of their own."""
    bias = INITIALIZERS["lecun_uniform"]
    spec = Recurrent(
        cell="lstm", hidden_size=1009, recurrent_initializer=Zeros(), bias_initializer=bias
    )
    weights = RecurrentLayer(spec, (None, 1)).weights("")
    assert weights.bias_ih is not None
    i, _, *after = weights.bias_ih.chunk(4)
    assert_uniform(i, math.sqrt(3 / 1009))
    assert_uniform(torch.cat(after), math.sqrt(3 / 2018))
