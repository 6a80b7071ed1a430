"""Each initialiser draws from the distribution that Keras documents."""

import math
import re

import numpy as np
import pytest
import torch

from birnn_lightning.nn import initializers
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.specs import Initializer, initializer_of, spec_from_config
from birnn_lightning.nn.specs.initializers import (
    INITIALIZERS,
    Constant,
    Identity,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from tests.nn.distributions import (
    assert_distribution,
    assert_orthogonal,
    cdf_of,
    deviation_after_truncation,
    normal_cdf,
    truncated_cdf,
    uniform_cdf,
)

KERNEL, CONVOLUTION, BIAS = (211, 4 * 149), (5, 97, 263), (120011,)
RANDOM = {
    name: spec
    for name, spec in INITIALIZERS.items()
    if isinstance(spec, RandomNormal | RandomUniform | TruncatedNormal | VarianceScaling)
} | {
    "normal": RandomNormal(mean=0.7, stddev=1.9),
    "uniform": RandomUniform(minval=-0.3, maxval=1.1),
    "truncated": TruncatedNormal(mean=-2.3, stddev=0.6),
    "fan out, untruncated": VarianceScaling(
        scale=0.7, mode="fan_out", distribution="untruncated_normal"
    ),
    "fan out, truncated": VarianceScaling(scale=0.7, mode="fan_out"),
    "fan out, uniform": VarianceScaling(scale=0.7, mode="fan_out", distribution="uniform"),
}


@pytest.mark.parametrize("shape", [KERNEL, CONVOLUTION, BIAS], ids=["kernel", "conv", "bias"])
@pytest.mark.parametrize("spec", RANDOM.values(), ids=RANDOM)
def test_distribution(spec: Initializer, shape: tuple[int, ...]) -> None:
    array = draw(spec, shape)
    assert array.shape == shape
    assert_distribution(array.numpy(), cdf_of(spec, shape))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        pytest.param("glorot_uniform", uniform_cdf(*[s * math.sqrt(6 / 360) for s in (-1, 1)]),
                     id="fan-out of one gate"),
        pytest.param("glorot_normal", normal_cdf(0, math.sqrt(2 / 807)), id="not truncated"),
        pytest.param("glorot_normal", truncated_cdf(0, math.sqrt(2 / 807)), id="not widened"),
        pytest.param("he_normal", cdf_of(INITIALIZERS["lecun_normal"], KERNEL), id="lecun for he"),
        pytest.param("lecun_uniform", cdf_of(INITIALIZERS["lecun_uniform"], KERNEL[::-1]),
                     id="transposed"),
        pytest.param("truncated_normal", normal_cdf(0, 0.05), id="tails"),
        pytest.param("random_uniform", uniform_cdf(-0.051, 0.051), id="2% narrow"),
    ],
)  # fmt: skip
def test_another_distribution_is_noticed(name, wrong) -> None:
    with pytest.raises(AssertionError, match="distance"):
        assert_distribution(draw(INITIALIZERS[name], KERNEL).numpy(), wrong)


def test_the_constant_of_truncation() -> None:
    expected = deviation_after_truncation()
    assert math.isclose(initializers.TRUNCATED_STDDEV, expected, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((2, 3, 5), (6, 10)),
        ((7, 2, 3, 5), (42, 70)),
    ],
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert initializers.fans(shape) == fans


def test_an_empty_array_has_a_fan_of_one() -> None:
    assert draw(VarianceScaling(), (0, 5)).shape == (0, 5)


@pytest.mark.parametrize(
    ("spec", "value"), [("zeros", 0), ("ones", 1), ("constant", 0), (Constant(value=-2.5), -2.5)]
)
def test_constants(spec: Initializer | str, value: float) -> None:
    assert (draw(initializer_of(spec), (2, 3, 5)) == value).all()


@pytest.mark.parametrize("shape", [(7, 7), (11, 3), (3, 11), (2, 3, 5), (2, 3, 11)])
def test_orthogonal_matrices(shape: tuple[int, ...]) -> None:
    assert_orthogonal(draw(Orthogonal(gain=1.7), shape).numpy(), gain=1.7, tolerance=1e-13)


def test_a_matrix_orthogonal_by_gate_is_noticed() -> None:
    gates = [draw(Orthogonal(), (5, 5)).numpy() for _ in range(3)]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_orthogonal(np.concatenate(gates, axis=1), gain=1, tolerance=1e-13)


def orthogonal_draws(shape: tuple[int, ...], count: int = 20011) -> np.ndarray:
    return np.stack([draw(Orthogonal(), shape).numpy() for _ in range(count)])


@pytest.mark.parametrize("shape", [(3, 3), (3, 2), (2, 3)], ids=["square", "tall", "wide"])
def test_orthogonal_matrices_are_uniform(shape: tuple[int, ...]) -> None:
    """A unit vector of 3 axes is uniform where each component is (Archimedes)."""
    draws = orthogonal_draws(shape)
    for index in np.ndindex(*shape):
        assert_distribution(draws[:, *index], uniform_cdf(-1, 1))
    if shape == (3, 3):  # as many reflections as rotations
        assert abs(np.linalg.det(draws).mean()) <= math.sqrt(2 * math.log(2e9) / len(draws))


def test_a_decomposition_without_signs_is_noticed() -> None:
    draws = torch.linalg.qr(torch.randn(20011, 3, 3, dtype=torch.float64)).Q.numpy()
    with pytest.raises(AssertionError, match="distance"):
        assert_distribution(draws[:, 0, 0], uniform_cdf(-1, 1))


def test_identity() -> None:
    assert torch.equal(draw(Identity(gain=-3.0), (2, 3)), -3.0 * torch.eye(2, 3).double())


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        (Identity(), (2, 3, 5), "Identity needs 2 axes; got the shape (2, 3, 5)."),
        (Identity(), (5,), "Identity needs 2 axes; got the shape (5,)."),
        (Orthogonal(), (5,), "Orthogonal needs at least 2 axes; got the shape (5,)."),
    ],
)
def test_an_array_that_is_no_matrix(spec, shape, message) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        draw(spec, shape)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_draw_is_float64_without_a_gradient_and_follows_the_seed(name: str) -> None:
    torch.manual_seed(3)
    first = draw(INITIALIZERS[name], (5, 3))
    torch.manual_seed(3)
    assert torch.equal(first, draw(INITIALIZERS[name], (5, 3)))
    assert first.dtype == torch.float64
    assert not first.requires_grad
    if name in RANDOM:
        assert not torch.equal(first, draw(INITIALIZERS[name], (5, 3)))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_spec_comes_back_from_its_config(name: str) -> None:
    assert spec_from_config(INITIALIZERS[name].to_config()) == INITIALIZERS[name]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: initializer_of("glorot"), "initializer must be one of zeros, ones, "),
        (lambda: VarianceScaling(scale=0), "scale must be above 0; got 0."),
        (lambda: VarianceScaling(mode="fan"), "mode must be one of ('fan_in', "),  # type: ignore[arg-type]
        (lambda: VarianceScaling(distribution="normal"), "distribution must be one of"),  # type: ignore[arg-type]
        (lambda: RandomNormal(stddev=-1), "RandomNormal: stddev must be at least 0; got -1."),
        (lambda: TruncatedNormal(stddev=-1), "TruncatedNormal: stddev must be at least 0"),
        (lambda: RandomUniform(minval=2, maxval=1), "minval must not be above maxval; got 2 and 1"),
        (lambda: Constant(value=math.nan), "Constant: value must be a finite number; got nan."),
        (lambda: Orthogonal(gain=None), "gain must be a finite number; got None."),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_spec_is_refused(build, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build()
