"""What layers of images, of lengths and of scales refuse, and how they draw their weights."""

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, specs
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.specs import LayerSpec, Shape
from tests.nn.samples import uniform

STEPS, IMAGE = (7, 3), (7, 11, 3)


def conv(**fields: Any) -> specs.Conv2D:
    return specs.Conv2D(**{"filters": 5, "kernel_size": 3, **fields})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: conv(kernel_size=(3, 0)), "Conv2D: kernel_size must be an integer of at least 1"),
        (lambda: conv(strides=(1, 2, 3)), "Conv2D: strides must hold 2 numbers; got (1, 2, 3)."),
        (
            lambda: conv(data_format="channels_first"),
            "Conv2D: data_format must be one of ('channels_last',); got 'channels_first'.",
        ),
        (
            lambda: specs.Conv1DTranspose(filters=5, kernel_size=3, dilation_rate=2),
            "Conv1DTranspose: dilation_rate must be one of (1,); got 2.",
        ),
        (lambda: conv(padding="causal"), "padding must be one of ('valid', 'same'); got 'causal'."),
        (
            lambda: conv(strides=(1, 2), dilation_rate=(2, 1)),
            "Conv2D: strides and dilation_rate cannot both be above 1; got (1, 2) and (2, 1).",
        ),
        (
            lambda: specs.Conv1DTranspose(filters=5, kernel_size=3, strides=2, output_padding=2),
            "output_padding must be at least 0 and less than strides, which are 2; got 2.",
        ),
        (
            lambda: specs.DepthwiseConv1D(kernel_size=3, depth_multiplier=0),
            "DepthwiseConv1D: depth_multiplier must be an integer of at least 1; got 0.",
        ),
        (
            lambda: specs.ZeroPadding1D(padding=(1, -1)),
            "ZeroPadding1D: padding must be integers of at least 0; got -1.",
        ),
        (
            lambda: specs.Cropping2D(cropping=((1, 2), (1, 2, 3))),  # type: ignore[arg-type]
            "Cropping2D: cropping must hold pairs; got ((1, 2), (1, 2, 3)).",
        ),
        (lambda: specs.UpSampling1D(size=0), "UpSampling1D: size must be an integer of at least 1"),
        (lambda: specs.SpatialDropout2D(rate=1.5), "SpatialDropout2D: rate must be at least 0"),
        (lambda: specs.AlphaDropout(rate=1.0), "AlphaDropout: rate must be at least 0"),
        (
            lambda: specs.GroupNormalization(groups=0),
            "GroupNormalization: groups must be an integer of at least 1; got 0.",
        ),
        (
            lambda: specs.ActivityRegularization(l1=0.5, activity_regularizer=specs.L2()),
            "activity_regularizer follows from l1 and l2; got L2(l2=0.01).",
        ),
        (
            lambda: specs.Rescaling(scale=((1.0, 2.0), (3.0,))),
            "Rescaling: scale must be a number or an array of them; got ((1.0, 2.0), (3.0,)).",
        ),
        (
            lambda: specs.Normalization(mean=1.0),
            "Normalization: mean and variance must be given both or neither; got 1.0 and None.",
        ),
        (
            lambda: specs.Normalization(mean=(1.0, 2.0), variance=(3.0,)),
            "must have the same sizes, at most one an axis; got (2,) and (1,) for axis (-1,).",
        ),
    ],
)
def test_settings_that_are_refused(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        (conv(), STEPS, "its input must have the axes (batch, height, width, channel); got (7, 3)"),
        (
            specs.MaxPooling2D(data_format="first"),  # type: ignore[arg-type]
            IMAGE,
            "MaxPooling2D: data_format must be one of ('channels_last', 'channels_first'); got",
        ),
        (conv(kernel_size=(8, 1)), IMAGE, "Conv2D: a window spans 8 steps, but the input has 7."),
        (conv(), (7, 11, None), "Conv2D: the last axis must have a known size; got (7, 11, None)."),
        (conv(groups=5), IMAGE, "Conv2D: groups must divide the input's features; got 5 and 3."),
        (
            specs.Cropping1D(cropping=(3, 4)),
            STEPS,
            "Cropping1D: cropping must leave something of 7 along an axis; got (3, 4).",
        ),
        (
            specs.GroupNormalization(groups=2),
            STEPS,
            "GroupNormalization: groups must divide the features; got 2 and 3.",
        ),
        (
            specs.GroupNormalization(groups=1, axis=1),
            STEPS,
            "GroupNormalization: axis must be the last one, -1 or 2 for an input (7, 3); got 1.",
        ),
        (specs.RMSNormalization(axis=1), STEPS, "axis must be the last of (7, 3), as Keras"),
        (
            specs.Rescaling(scale=(1.0, 2.0)),
            STEPS,
            "Rescaling: scale must fit the last axes of (7, 3); got (2,).",
        ),
        (
            specs.Normalization(mean=(1.0, 2.0), variance=(1.0, 2.0)),
            STEPS,
            "mean and variance must fit (3,), the sizes of axis (-1,); got (2,).",
        ),
        (specs.Normalization(axis=(3,)), STEPS, "Normalization: axis must be one of (7, 3)"),
        (specs.UnitNormalization(axis=0), STEPS, "UnitNormalization: axis must be one of (7, 3)"),
    ],
)
def test_inputs_that_are_refused(spec: LayerSpec, shape: Shape, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        spec.output_shape(shape)


def test_nothing_is_left_of_an_open_length() -> None:
    layer = build_layer(specs.Cropping1D(cropping=(3, 4)), (None, 3))
    with pytest.raises(ValueError, match=r"cropping must leave something of 7"):
        layer(Masked(uniform(2, 7, 3, seed=0)))


@pytest.mark.parametrize(
    ("spec", "name", "fan"),
    [
        (specs.Conv2D(filters=23, kernel_size=(5, 7)), "weight", 5 * 7 * (11 + 23)),
        (specs.Conv1DTranspose(filters=23, kernel_size=29), "weight", 29 * (11 + 23)),
        (specs.DepthwiseConv1D(kernel_size=29, depth_multiplier=23), "weight", 29 * (11 + 23)),
        (specs.SeparableConv1D(filters=5, kernel_size=101), "depthwise", 101 * (11 + 1)),
        (specs.SeparableConv1D(filters=101, kernel_size=1), "pointwise", 11 + 101),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, LayerSpec) else str(value),
)
def test_first_weights_are_glorot_uniform_of_the_fans_that_keras_sees(
    spec: LayerSpec, name: str, fan: int
) -> None:
    torch.manual_seed(0)
    shape = (31, 37, 11) if isinstance(spec, specs.Conv2D) else (211, 11)
    weight = getattr(build_layer(spec, shape), name)
    assert isinstance(weight, Tensor)
    limit = math.sqrt(6 / fan)
    assert 0.98 * limit < weight.abs().max() <= limit
    assert build_layer(spec, shape).bias.abs().max() == 0  # type: ignore[union-attr]


def test_integers_are_scaled_in_the_precision_of_the_model() -> None:
    pixels = torch.tensor([[[0, 51], [255, 102]]])
    layer = build_layer(specs.Rescaling(scale=2**-8, offset=-0.5), (2, 2)).double()
    values = layer(Masked(pixels)).values
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, pixels.double() / 256 - 0.5, rtol=0, atol=0)
    layer = build_layer(specs.Normalization(), (2, 2)).double()
    assert layer(Masked(pixels)).values.tolist() == pixels.double().tolist()
    assert {*layer.state_dict()} == {"mean", "variance"}


def test_a_penalty_without_a_layer() -> None:
    spec = specs.ActivityRegularization(l1=0.5, l2=0.25)
    assert spec.activity_regularizer == specs.L1L2(l1=0.5, l2=0.25)
    assert specs.spec_from_config(spec.to_config()) == spec
