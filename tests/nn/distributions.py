"""Whether a sample has the distribution that Keras documents for an initialiser."""

import math
from collections.abc import Callable

import numpy as np

from birnn_lightning.nn.specs import Initializer
from birnn_lightning.nn.specs.initializers import (
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

Array = np.ndarray
Cdf = Callable[[Array], Array]
FALSE_ALARM = 1e-9


def uniform_cdf(low: float, high: float) -> Cdf:
    return lambda x: np.clip((x - low) / (high - low), 0, 1)


def normal_cdf(mean: float, stddev: float) -> Cdf:
    return lambda x: (1 + np.vectorize(math.erf)((x - mean) / (stddev * math.sqrt(2)))) / 2


def truncated_cdf(mean: float, stddev: float) -> Cdf:
    """A normal variable, drawn again while it is more than two deviations from its mean."""
    below = (1 - math.erf(math.sqrt(2))) / 2
    whole = normal_cdf(mean, stddev)
    return lambda x: np.clip((whole(x) - below) / (1 - 2 * below), 0, 1)


def deviation_after_truncation() -> float:
    """Of a standard normal variable between -2 and 2: ``sqrt(1 - 4 φ(2) / P(|x| < 2))``."""
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    return math.sqrt(1 - 4 * density / math.erf(math.sqrt(2)))


def cdf_of(spec: Initializer, shape: tuple[int, ...]) -> Cdf:
    """The distribution function of each element of an array of this shape in Keras."""
    match spec:
        case RandomUniform():
            return uniform_cdf(spec.minval, spec.maxval)
        case RandomNormal():
            return normal_cdf(spec.mean, spec.stddev)
        case TruncatedNormal():
            return truncated_cdf(spec.mean, spec.stddev)
        case VarianceScaling():
            deviation = math.sqrt(spec.scale / fan(spec.mode, shape))
            if spec.distribution == "uniform":
                return uniform_cdf(-deviation * math.sqrt(3), deviation * math.sqrt(3))
            if spec.distribution == "untruncated_normal":
                return normal_cdf(0, deviation)
            return truncated_cdf(0, deviation / deviation_after_truncation())
    raise AssertionError(f"{spec} is no distribution of single elements")


def fan(mode: str, shape: tuple[int, ...]) -> float:
    if len(shape) == 1:
        return shape[0]
    field = math.prod(shape[:-2])
    fan_in, fan_out = shape[-2] * field, shape[-1] * field
    return {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]


def assert_distribution(sample: Array, cdf: Cdf) -> None:
    """Fails for one sample in 10⁹ that has the distribution.

    The bound is that of Dvoretzky, Kiefer and Wolfowitz, P(D > d) <= 2 exp(-2 n d²), for the
    largest difference D between the sample's distribution function and the true one.
    """
    probabilities = cdf(np.sort(np.asarray(sample, "float64"), axis=None))
    count = len(probabilities)
    steps = np.arange(count + 1) / count
    distance = max((steps[1:] - probabilities).max(), (probabilities - steps[:-1]).max())
    allowed = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * count))
    assert distance <= allowed, f"distance {distance:.4f}, allowed {allowed:.4f}"


def assert_orthogonal(array: Array, gain: float, tolerance: float) -> None:
    """Orthonormal columns, or rows where there are fewer, once all axes but the last are one."""
    matrix = np.asarray(array, "float64").reshape(-1, array.shape[-1]) / gain
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    gram = matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(len(gram)), rtol=0, atol=tolerance)
