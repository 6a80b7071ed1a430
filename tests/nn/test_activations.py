"""Every activation is its formula, where numbers are ordinary and where they are not."""

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.activations import ACTIVATIONS, check_activation
from tests.nn.oracle import FORMULAS, Array, Function
from tests.nn.samples import BATCH, INPUT, uniform

EXTREME = [0.0, -0.0, 1e-300, -1e-300, 3.0, -3.0, 6.0, 30.0, -30.0, 88.7, -88.7, 700.0, -700.0, 1e4]
NAMES = [pytest.param(name, id=name) for name in ACTIVATIONS]


def assert_close(ours: Tensor, formula: Array) -> None:
    """1e-13 of the value, and where that is about 0, half a rounding of 1."""
    np.testing.assert_allclose(ours, formula, rtol=1e-13, atol=1e-16)


def test_every_activation_has_a_formula() -> None:
    assert FORMULAS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_formula(name: str) -> None:
    x = uniform(BATCH, INPUT, seed=1) * 4
    assert_close(ACTIVATIONS[name](x), FORMULAS[name](x.numpy()))


@pytest.mark.parametrize("name", NAMES)
def test_extreme_values(name: str) -> None:
    x = np.array(EXTREME)
    with np.errstate(over="ignore"):
        expected = FORMULAS[name](x)
    assert_close(ACTIVATIONS[name](torch.from_numpy(x)), expected)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "exponential"])
def test_gradients_of_extreme_values_are_finite(name: str) -> None:
    x = torch.tensor(EXTREME, dtype=torch.float64, requires_grad=True)
    ACTIVATIONS[name](x).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def tanh_gelu(x: Array) -> Array:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        pytest.param("hard_sigmoid", lambda x: np.clip(0.2 * x + 0.5, 0, 1), id="Keras 2's"),
        pytest.param("gelu", tanh_gelu, id="gelu by tanh"),
        pytest.param("elu", FORMULAS["selu"], id="selu for elu"),
        pytest.param("softsign", FORMULAS["tanh"], id="tanh for softsign"),
    ],
)
def test_the_check_can_fail(name: str, mutant: Function) -> None:
    x = uniform(BATCH, INPUT, seed=1) * 4
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_close(ACTIVATIONS[name](x), mutant(x.numpy()))


def test_unknown_name() -> None:
    with pytest.raises(
        ValueError, match=r"^Dense: activation must be one of elu, .*; got 'tanhh'\.$"
    ):
        check_activation("Dense", "activation", "tanhh")
