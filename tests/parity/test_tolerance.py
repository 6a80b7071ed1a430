"""The float32 bound follows the network's own sensitivity, and the network is left as it was."""

import numpy as np
import pytest
import torch

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier
from parity.comparison import float64_reference
from parity.inputs import random_inputs
from parity.output_rows import HARDEST, hardest_rows
from parity.suite.cases import Case
from parity.tolerance import float64_bound, inner_roundings, rounding_bound, scale_of

UNIT = 2.0**-24


@pytest.fixture
def network():
    return float64_reference(Case(cell="gru", inputs="features", task="regression").build())


@pytest.fixture
def predict(network):
    given = random_inputs(network)
    return lambda model: model.predict(given.arrays)


def scale_head(network, factor):
    with torch.no_grad():
        for parameter in network.model.layers["head"].parameters():
            parameter.mul_(factor)


@pytest.mark.parametrize(
    ("truth", "scale"),
    [
        ([0.25, -0.5], 1.0),
        ([0.5, -31.0], 31.0),
        ([np.nan, 7.0], 7.0),
        ([np.nan, np.nan], 1.0),
        ([np.inf, 3.0], 3.0),
        ([], 1.0),
    ],
)
def test_the_scale_is_the_largest_finite_value_and_at_least_one(truth, scale):
    assert scale_of(np.array(truth)) == scale
    assert float64_bound(np.array(truth)) == 1e-12 * scale


def test_the_bound_scales_with_the_network(network, predict):
    before = rounding_bound(network, predict, predict(network))
    scale_head(network, 1024)
    after = rounding_bound(network, predict, predict(network))
    assert after == pytest.approx(1024 * before, rel=1e-6)


def test_the_bound_grows_with_the_sensitivity_at_the_same_scale():
    """Large recurrent weights saturate the outputs, but amplify what happens before."""
    bounds = []
    for factor in (1, 8):
        model = float64_reference(Case(cell="rnn", inputs="features", task="regression").build())
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "weight_hh" in name:
                    parameter.mul_(factor)
        given = random_inputs(model)
        truth = model.predict(given.arrays)
        bounds.append(rounding_bound(model, lambda m: m.predict(given.arrays), truth))  # noqa: B023
    assert bounds[1] > 5 * bounds[0]


def test_weights_and_buffers_are_left_as_they_were(network, predict):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    rounding_bound(network, predict, predict(network))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_weights_are_left_as_they_were_when_predicting_fails(network, predict):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def fail(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rounding_bound(network, fail, predict(network))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_the_bound_is_the_same_each_time(network, predict):
    truth = predict(network)
    assert rounding_bound(network, predict, truth) == rounding_bound(network, predict, truth)


def test_the_bound_is_a_few_roundings_of_the_outputs(network, predict):
    truth = predict(network)
    bound = rounding_bound(network, predict, truth)
    assert 8 * UNIT * np.abs(truth).max() <= bound <= 100 * UNIT * scale_of(truth)


def test_rows_without_a_valid_step_do_not_spoil_the_bound(network):
    truth = np.array([[0.5, np.nan], [np.nan, -2.0]])
    moved = truth + 3 * UNIT
    assert rounding_bound(network, lambda _: moved, truth) == pytest.approx(24 * UNIT)


@pytest.mark.parametrize(
    ("hidden", "terms"),
    [
        pytest.param(5, 16, id="the least, 8, for short sums"),
        pytest.param(97, 2 * 97 + 97, id="the second layer takes both directions of the first"),
    ],
)
def test_a_step_is_worth_the_roundings_of_its_longest_sum(hidden, terms):
    model = BiLSTMClassifier(input_size=3, hidden_size=hidden, num_layers=2, num_classes=7)
    assert inner_roundings(model.model) == pytest.approx(2 * terms**0.5)


def test_an_embedding_is_no_sum():
    model = BiGRUClassifier(vocab_size=3, embedding_dim=2, hidden_size=3, num_classes=5)
    assert inner_roundings(model.model) == 8


def test_the_hardest_rows_are_those_with_the_largest_errors_of_either():
    truth = np.zeros((101, 3))
    ours, theirs = truth.copy(), truth.copy()
    ours[7, 2], theirs[83, 0], theirs[5, 1] = 0.25, -0.5, np.nan
    truth[11] = ours[11] = theirs[11] = np.inf
    rows = hardest_rows(truth, ours, theirs)
    assert len(rows) == HARDEST
    assert {7, 83} <= set(rows.tolist())
    assert (np.diff(rows) > 0).all()


def test_few_rows_are_all_taken():
    truth = np.zeros((3, 7, 5))
    assert hardest_rows(truth, truth + 1, truth).tolist() == [0, 1, 2]


def test_the_reference_is_a_float64_copy_on_the_readable_engine():
    model = Case(cell="lstm").build()
    reference = float64_reference(model)
    assert {layer.engine().name for layer in reference.recurrent_layers.values()} == {"scan"}
    for name, tensor in reference.model.state_dict().items():
        assert tensor.dtype == torch.float64
        assert torch.equal(tensor.float(), model.model.state_dict()[name])
    assert {layer.requested_engine for layer in model.recurrent_layers.values()} == {"auto"}
