"""What our layers drop in training has the rate, the shape and the independence of Keras's."""

import numpy as np
import pytest
import torch

from birnn_lightning.nn import Masked, SequenceModel, specs
from birnn_lightning.nn.layer import build_layer
from parity.layout import rows, torch_arrays
from tests.nn.distributions import assert_distribution, normal_cdf
from tests.parity.accuracy.dropout_rates import ALPHA, FALSE_ALARM, TESTS_A_CASE, assert_dropout
from tests.parity.accuracy.dropout_samples import (
    BATCH,
    CASES,
    GAUSSIAN,
    RATE,
    SIZE,
    TIME,
    Case,
    of_layer,
    ones,
)


def drawn_by_ours(case: Case, seed: int = 5) -> np.ndarray:
    torch.manual_seed(seed)
    model = SequenceModel(case.spec).train()
    state = torch_arrays(rows(case.spec), case.weights)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    with torch.no_grad():
        return model([Masked(torch.from_numpy(array)) for array in case.arrays]).values.numpy()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dropout(case):
    assert_dropout(drawn_by_ours(case), case.rate, case.drawn)


@pytest.mark.parametrize(("spec", "deviation"), GAUSSIAN.values(), ids=GAUSSIAN)
def test_gaussian(spec, deviation):
    torch.manual_seed(5)
    layer = build_layer(spec, (TIME, SIZE)).train()
    values = layer(Masked(torch.ones(BATCH, TIME, SIZE))).values.numpy()
    assert_distribution(values, normal_cdf(1, deviation))
    with pytest.raises(AssertionError, match="distance"):
        assert_distribution(values, normal_cdf(1, 1.1 * deviation))


def test_every_step_shares_the_draws_of_a_recurrent_layer():
    layer = specs.Recurrent(
        cell="rnn", hidden_size=SIZE, activation="linear", dropout=RATE, return_sequences=True
    )
    case = of_layer("rnn", layer, drawn=(0, 2))
    weights = {
        "layer/cell/kernel": np.eye(SIZE, dtype="float32"),
        "layer/cell/recurrent_kernel": np.zeros((SIZE, SIZE), "float32"),
        "layer/cell/bias": np.zeros(SIZE, "float32"),
    }
    drawn = drawn_by_ours(Case(case.name, case.spec, case.arrays, weights))
    assert_dropout(drawn, RATE, (0, 2))


def sample(rate: float, shape=(BATCH, TIME, SIZE), scale: float | None = None) -> np.ndarray:
    kept = np.random.default_rng(0).random(shape) >= rate
    return kept * np.float32(1 / (1 - rate) if scale is None else scale)


def test_the_stated_rate_of_false_alarms_holds_for_the_whole_file():
    assert ALPHA * TESTS_A_CASE * len(CASES) <= FALSE_ALARM
    assert_dropout(sample(RATE), RATE, (0, 1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param(sample(RATE + 0.02, scale=1 / (1 - RATE)), "zeros: ", id="rate"),
        pytest.param(sample(1 - RATE, scale=1 / (1 - RATE)), "zeros: ", id="keeps the rate"),
        pytest.param(sample(RATE, scale=1.0), "Not equal to tolerance", id="not inverted"),
        pytest.param(
            np.repeat(sample(RATE, (BATCH, TIME, 1)), SIZE, 2),
            "zeros|pairs along axis 2",
            id="feature",
        ),
        pytest.param(
            np.repeat(sample(RATE, (1, TIME, SIZE)), BATCH, 0),
            "zeros|pairs along axis 0",
            id="batch",
        ),
        pytest.param(ones(BATCH, TIME, SIZE), "Not equal to tolerance", id="none"),
    ],
)
def test_wrong_draws_are_noticed(wrong, message):
    with pytest.raises(AssertionError, match=message):
        assert_dropout(wrong, RATE, (0, 1, 2))


def test_a_draw_an_element_is_noticed_where_steps_share_it():
    with pytest.raises(AssertionError, match="axis 1 is drawn element by element"):
        assert_dropout(sample(RATE), RATE, (0, 2))


def test_our_layers_with_another_rate_are_noticed(monkeypatch):
    """The test sees through the transparent cells: half of the rate, everywhere."""
    from birnn_lightning.nn import recurrent_dropout
    from birnn_lightning.nn.noise import dropout_factor

    def half(source, key, shape, rate, like):
        return dropout_factor(source, key, shape, rate / 2, like)

    monkeypatch.setattr(recurrent_dropout, "dropout_factor", half)
    cells = [case for case in CASES if "gate" in case.name]
    assert len(cells) == 16
    for case in cells:
        with pytest.raises(AssertionError):
            assert_dropout(drawn_by_ours(case), case.rate, case.drawn)
