"""Layers in training, on noise that is given; convolutions by hand; the shapes of first weights."""

from typing import Literal

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, specs
from birnn_lightning.nn.layer import Layer, build_layer
from birnn_lightning.nn.layers import BatchNormalization
from birnn_lightning.nn.specs import LayerSpec
from tests.nn.samples import BATCH, INPUT, TIME, features, rows, uniform

SHAPE = (TIME, INPUT)
FIRST = rows("xx..xxx", "x......")


def double(spec: LayerSpec) -> Layer:
    return build_layer(spec, SHAPE).double().train()


def test_normalised_batches_have_mean_0_and_variance_1_over_the_valid_steps() -> None:
    layer = double(specs.BatchNormalization(epsilon=1e-12, momentum=0.6))
    output = layer(Masked(features(), FIRST)).values
    valid = output[FIRST]
    torch.testing.assert_close(valid.mean(0), torch.zeros(INPUT).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        valid.var(0, correction=0), torch.ones(INPUT).double(), rtol=1e-6, atol=0
    )
    mean = features()[FIRST].mean(0)
    assert isinstance(layer, BatchNormalization)
    torch.testing.assert_close(layer.moving_mean, 0.4 * mean, rtol=1e-6, atol=0)


def test_the_moving_averages_stay_in_evaluation_and_are_buffers() -> None:
    layer = double(specs.BatchNormalization()).eval()
    layer(Masked(features()))
    assert isinstance(layer, BatchNormalization)
    assert layer.moving_mean.tolist() == [0] * INPUT
    assert layer.moving_variance.tolist() == [1] * INPUT
    assert {name for name, _ in layer.named_parameters()} == {"gamma", "beta"}


def draws(key: str, shape: tuple[int, ...]) -> Tensor:
    """The same for every key and shape."""
    return uniform(*shape, seed=len(key)).abs()


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (specs.Dropout(rate=0.4), (2, 7, 3)),
        (specs.Dropout(rate=0.4, noise_shape=(1, None, 1)), (1, 7, 1)),
        (specs.SpatialDropout1D(rate=0.4), (2, 1, 3)),
        (specs.TimeDistributed(layer=specs.Dropout(rate=0.4)), (14, 3)),
    ],
)
def test_given_noise_decides_what_is_dropped(spec: LayerSpec, shape: tuple[int, ...]) -> None:
    layer = double(spec)
    layer.noise = draws
    values = features() + 2
    kept = draws("inputs.dropout", shape) >= 0.4
    kept = kept.reshape(2, 7, 3) if len(shape) == 2 else kept
    torch.testing.assert_close(layer(Masked(values)).values, values * kept / 0.6)
    assert 0 < kept.sum() < kept.numel()


@pytest.mark.parametrize(
    "spec",
    [
        specs.Dropout(rate=0.0),
        specs.SpatialDropout1D(rate=0.0),
        specs.GaussianDropout(rate=0.0),
        specs.GaussianNoise(stddev=0.0),
    ],
)
def test_a_rate_of_zero_disturbs_nothing(spec: LayerSpec) -> None:
    values = features()
    assert double(spec)(Masked(values)).values is values


def test_a_convolution_of_too_few_steps() -> None:
    layer = build_layer(specs.Conv1D(filters=5, kernel_size=5), (None, INPUT)).double()
    with pytest.raises(ValueError, match=r"a window spans 5 steps, but the input has 4\."):
        layer(Masked(features()[:, :4]))


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_a_convolution_by_hand(padding: Literal["valid", "same", "causal"]) -> None:
    layer = build_layer(specs.Conv1D(filters=5, kernel_size=3, padding=padding), SHAPE).double()
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    before, after = {"valid": (0, 0), "same": (1, 1), "causal": (2, 0)}[padding]
    zeros = torch.zeros(BATCH, TIME, INPUT, dtype=torch.float64)
    padded = torch.cat([zeros[:, :before], features(), zeros[:, :after]], 1)
    expected = [
        sum(padded[:, step + tap] @ weight[:, :, tap].T for tap in range(3)) + bias
        for step in range(padded.shape[1] - 2)
    ]
    output = layer(Masked(features())).values
    torch.testing.assert_close(output, torch.stack(expected, 1), rtol=0, atol=1e-14)


def test_initialisers_see_the_shape_that_keras_sees() -> None:
    """Orthogonal over all taps and inputs: columns of the Keras kernel, reshaped to a matrix."""
    spec = specs.Conv1D(
        filters=5, kernel_size=3, kernel_initializer=specs.initializer_of("orthogonal")
    )
    weight = build_layer(spec, SHAPE).weight
    assert isinstance(weight, Tensor)
    matrix = weight.detach().permute(2, 1, 0).reshape(9, 5)
    torch.testing.assert_close(matrix.T @ matrix, torch.eye(5))
