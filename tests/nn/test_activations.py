"""Every activation is its formula, where numbers are ordinary and where they are not."""

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.activations import ACTIVATIONS, check_activation
from parity.oracle.activations import FORMULAS, Array, Function
from tests.nn.samples import BATCH, INPUT, uniform

EXTREME = [0.0, -0.0, 1e-300, -1e-300, 3.0, -3.0, 6.0, 30.0, -30.0, 88.7, -88.7, 700.0, -700.0, 1e4]
NAMES = [pytest.param(name, id=name) for name in ACTIVATIONS]
WITHIN_A_ROW = ("softmax", "log_softmax", "sparsemax")
BY_ELEMENT = [name for name in ACTIVATIONS if name not in WITHIN_A_ROW]

SLOPES = {
    "hard_tanh": {-1: 1, 1: 1},
    "hard_sigmoid": {-3: 0, 3: 0},
    "hard_sigmoid_keras2": {-2.5: 0.2, 2.5: 0.2},
    "sparse_sigmoid": {-1: 0, 1: 0},
    "relu": {0: 0},
    "relu6": {0: 0, 6: 0},
    "leaky_relu": {0: float(np.float32(0.2))},
    "elu": {0: 1},
    "celu": {0: 2},
    "selu": {0: 1.0507009873554805},
    "hard_silu": {-3: 0, 3: 1},
    "sparse_plus": {-1: 0, 1: 1},
    "softsign": {0: 1},
    "soft_shrink": {-0.5: 0, 0.5: 0},
    "hard_shrink": {-0.5: 0, 0.5: 0},
}
"""The gradient where a formula, or its second derivative, has a corner."""


def assert_close(ours: Tensor, formula: Array) -> None:
    """1e-13 of the value, and where that is about 0, half a rounding of 1."""
    np.testing.assert_allclose(ours, formula, rtol=1e-13, atol=1e-16)


def assert_close_to_one(ours: Tensor, formula: Array) -> None:
    """A rounding of the largest input, for formulas in which large numbers cancel."""
    np.testing.assert_allclose(ours, formula, rtol=1e-13, atol=1e-15 * np.abs(EXTREME).max())


def gradient(name: str, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (result,) = torch.autograd.grad(ACTIVATIONS[name](x).sum(), x)
    return result


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
    check = assert_close_to_one if name in ("squareplus", "tanh_shrink") else assert_close
    check(ACTIVATIONS[name](torch.from_numpy(x)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_in_which_several_entries_are_large(name: str) -> None:
    x = torch.tensor(
        [[0.5, 0.5, -0.5, -0.5, 0.0], [0.3, 0.1, 0.2, 0.25, -0.7]], dtype=torch.float64
    )
    assert_close(ACTIVATIONS[name](x), FORMULAS[name](x.numpy()))


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "exponential"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_values_and_gradients_of_extreme_values_are_finite(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([*EXTREME, -1e4], dtype=dtype)
    assert torch.isfinite(ACTIVATIONS[name](x)).all()
    assert torch.isfinite(gradient(name, x)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_low_precision(name: str, dtype: torch.dtype) -> None:
    """Errors of some roundings, relative to 1 or the value, of values and gradients."""
    x = (uniform(BATCH, INPUT, seed=1) * 4).to(dtype)
    exact = x.double()
    for ours, expected in (
        (ACTIVATIONS[name](x), ACTIVATIONS[name](exact)),
        (gradient(name, x), gradient(name, exact)),
    ):
        assert ours.dtype == dtype
        error = (ours.double() - expected).abs() / expected.abs().clamp(min=1)
        assert error.max() <= 16 * torch.finfo(dtype).eps


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_derivative(name: str) -> None:
    """Against differences of the formula, at points without a corner."""
    x = uniform(BATCH, INPUT, seed=1) * 4
    step = 1e-6
    expected = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.numpy().copy()
            moved[index] += sign * step
            ends.append(FORMULAS[name](moved).sum())
        expected[index] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(gradient(name, x), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_at_corners(name: str) -> None:
    points = torch.tensor(list(SLOPES[name]), dtype=torch.float64)
    assert_close(gradient(name, points), np.array(list(SLOPES[name].values())))


def tanh_gelu(x: Array) -> Array:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        pytest.param("hard_sigmoid", FORMULAS["hard_sigmoid_keras2"], id="Keras 2's"),
        pytest.param("gelu", tanh_gelu, id="gelu by tanh"),
        pytest.param("elu", FORMULAS["selu"], id="selu for elu"),
        pytest.param("softsign", FORMULAS["tanh"], id="tanh for softsign"),
        pytest.param("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x), id="slope 0.2"),
        pytest.param("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), id="torch's slope"),
    ],
)
def test_the_check_can_fail(name: str, mutant: Function) -> None:
    x = uniform(BATCH, INPUT, seed=1) * 4
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_close(ACTIVATIONS[name](x), mutant(x.numpy()))


@pytest.mark.parametrize("name", ["tanhh", "glu", "threshold"])
def test_unknown_name(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^Dense: activation must be one of celu, .*; got '{name}'\.$"
    ):
        check_activation("Dense", "activation", name)
