"""Every kind of layer says its output's shape, refuses what does not fit, and is data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from birnn_lightning import CustomLayer, register_custom_layer
from birnn_lightning.nn import Masked, specs
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.specs import LayerSpec, Shape, spec_from_config
from tests.nn.samples import uniform
from tests.nn.spatial_shapes import SPATIAL_SHAPES

T, F = (7, 3), (3,)
LSTM = specs.Recurrent(cell="lstm", hidden_size=5)
WORDS = specs.TimeDistributed(layer=specs.Bidirectional(forward=LSTM))

INNER = specs.ModelSpec(
    (
        specs.Node(name="steps", layer=specs.Input(shape=(None, 3))),
        specs.Node(name="dense", layer=specs.Dense(units=5, activation="tanh")),
    )
)


class Doubled(torch.nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return 2 * values


register_custom_layer("doubled", CustomLayer(build=lambda settings, shape: Doubled()))
SHAPES: dict[str, tuple[LayerSpec, tuple[Shape, ...], Shape]] = {
    **SPATIAL_SHAPES,
    "Custom": (specs.Custom(class_name="doubled"), (T,), T),
    "Submodel": (specs.Submodel(model=INNER), (T,), (7, 5)),
    "Masking": (specs.Masking(mask_value=2.0), (T,), T),
    "Embedding": (specs.Embedding(vocab_size=11, embedding_dim=5), ((7,),), (7, 5)),
    "Embedding of words": (specs.Embedding(vocab_size=11, embedding_dim=5), (T,), (7, 3, 5)),
    "Dense": (specs.Dense(units=11, use_bias=False), (T,), (7, 11)),
    "Conv1D valid": (specs.Conv1D(filters=5, kernel_size=3, strides=2), (T,), (3, 5)),
    "Conv1D same": (
        specs.Conv1D(filters=5, kernel_size=3, strides=2, padding="same"),
        (T,),
        (4, 5),
    ),
    "Conv1D causal": (specs.Conv1D(filters=5, kernel_size=3, padding="causal"), (T,), (7, 5)),
    "Conv1D dilated": (specs.Conv1D(filters=5, kernel_size=3, dilation_rate=3), (T,), (1, 5)),
    "MaxPooling1D": (specs.MaxPooling1D(pool_size=3, strides=2), (T,), (3, 3)),
    "MaxPooling1D default": (specs.MaxPooling1D(), (T,), (3, 3)),
    "AveragePooling1D": (specs.AveragePooling1D(pool_size=3, padding="same"), (T,), (3, 3)),
    "GlobalMaxPooling1D": (specs.GlobalMaxPooling1D(), (T,), F),
    "GlobalAveragePooling1D": (specs.GlobalAveragePooling1D(keepdims=True), (T,), (1, 3)),
    "BatchNormalization": (specs.BatchNormalization(axis=2), (T,), T),
    "LayerNormalization": (specs.LayerNormalization(scale=False), (T,), T),
    "Dropout": (specs.Dropout(rate=0.3, noise_shape=(None, 1, 3)), (T,), T),
    "SpatialDropout1D": (specs.SpatialDropout1D(rate=0.3), (T,), T),
    "GaussianDropout": (specs.GaussianDropout(rate=0.3), (T,), T),
    "GaussianNoise": (specs.GaussianNoise(stddev=0.3), (T,), T),
    "Activation": (specs.Activation(activation="softmax"), (T,), T),
    "ReLU": (specs.ReLU(max_value=6.0), (T,), T),
    "LeakyReLU": (specs.LeakyReLU(), (T,), T),
    "PReLU": (specs.PReLU(shared_axes=(1,)), (T,), T),
    "ELU": (specs.ELU(alpha=0.5), (T,), T),
    "Softmax": (specs.Softmax(axis=1), (T,), T),
    "Operation": (
        specs.Operation(
            name="get_item",
            arguments=(specs.Operand(index=0), (specs.Slice(), "...", specs.Slice(step=-1))),
        ),
        (T,),
        T,
    ),
    "RepeatVector": (specs.RepeatVector(n=2), (F,), (2, 3)),
    "Flatten": (specs.Flatten(), (T,), (21,)),
    "Reshape": (specs.Reshape(target_shape=(3, -1)), (T,), (3, 7)),
    "Permute": (specs.Permute(dims=(2, 1)), (T,), (3, 7)),
    "Attention": (specs.Attention(score_mode="concat"), (T, (5, 3)), T),
    "AdditiveAttention": (specs.AdditiveAttention(), (T, (5, 2), (5, 3)), (7, 2)),
    "Add": (specs.Add(), (T, T, T), T),
    "Add of ranks": (specs.Add(), (F, T), T),
    "Subtract": (specs.Subtract(), (T, (7, 1)), T),
    "Multiply": (specs.Multiply(), ((7, 1), T), T),
    "Average": (specs.Average(), (T, T), T),
    "Maximum": (specs.Maximum(), (T, T), T),
    "Minimum": (specs.Minimum(), (T, T), T),
    "Concatenate": (specs.Concatenate(), (T, (7, 5)), (7, 8)),
    "Concatenate in time": (specs.Concatenate(axis=1), (T, (5, 3)), (12, 3)),
    "Dot": (specs.Dot(axes=(2, 1)), (T, (3, 5)), (7, 5)),
    "Dot of vectors": (specs.Dot(axes=1, normalize=True), (F, F), (1,)),
    "TimeDistributed": (WORDS, ((7, 4, 3),), (7, 10)),
    "LSTM": (LSTM, (T,), (5,)),
    "Stack": (specs.RecurrentStack(cells=(LSTM, LSTM)), (T,), (5,)),
    "Bidirectional": (specs.Bidirectional(forward=LSTM), (T,), (10,)),
}


def open_time(shape: Shape) -> Shape:
    return (None, *shape[1:]) if len(shape) > 1 else shape


def test_every_kind_of_layer_is_in_the_tests_of_this_file() -> None:
    kinds = {kind for kind in specs.Spec.kinds.values() if issubclass(kind, LayerSpec)}
    assert kinds - {LayerSpec, specs.Input} == {type(spec) for spec, _, _ in SHAPES.values()}
    assert {kind.__name__ for kind in kinds} <= {*specs.__all__}


@pytest.mark.parametrize(("spec", "inputs", "expected"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_the_shape_and_type_of_the_output(
    spec: LayerSpec, inputs: tuple[Shape, ...], expected: Shape, dtype: torch.dtype
) -> None:
    assert spec.output_shape(*inputs) == expected
    layer = build_layer(spec, *inputs).to(dtype)
    tensors = [uniform(2, *shape, seed=index).to(dtype) for index, shape in enumerate(inputs)]  # type: ignore[arg-type]
    if isinstance(spec, specs.Embedding):
        tensors = [tensor.abs().mul(10).long() for tensor in tensors]
    for training in (False, True):
        output = layer.train(training)(*map(Masked, tensors)).values
        assert output.shape == (2, *expected)
        assert output.dtype == dtype
        assert torch.isfinite(output).all()


@pytest.mark.parametrize(("spec", "inputs", "expected"), SHAPES.values(), ids=SHAPES)
def test_a_spec_is_primitives(
    spec: LayerSpec, inputs: tuple[Shape, ...], expected: Shape, tmp_path: Path
) -> None:
    config = spec.to_config()
    assert spec_from_config(json.loads(json.dumps(config))) == spec
    torch.save(config, tmp_path / "spec.pt")
    loaded = spec_from_config(torch.load(tmp_path / "spec.pt", weights_only=True))
    assert loaded.to_config() == config
    assert hash(loaded) == hash(spec)


OPEN = ("Dense", "Conv1D same", "MaxPooling1D", "Add", "Concatenate", "PReLU", "TimeDistributed")
OPEN += ("UpSampling1D", "Cropping1D", "ZeroPadding1D", "Conv1DTranspose")


@pytest.mark.parametrize("name", OPEN)
def test_an_open_time_axis_stays_open(name: str) -> None:
    spec, inputs, expected = SHAPES[name]
    assert spec.output_shape(*map(open_time, inputs)) == (None, *expected[1:])


def conv(**fields: Any) -> specs.Conv1D:
    settings: dict[str, Any] = {"filters": 5, "kernel_size": 3}
    return specs.Conv1D(**settings | fields)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: conv(filters=0), "Conv1D: filters must be an integer of at least 1; got 0."),
        (
            lambda: conv(padding="full"),
            "Conv1D: padding must be one of ('valid', 'same', 'causal')",
        ),
        (
            lambda: conv(strides=2, dilation_rate=3),
            "Conv1D: strides and dilation_rate cannot both be above 1; got 2 and 3.",
        ),
        (lambda: conv(groups=2), "Conv1D: filters must be a multiple of groups; got 5 and 2."),
        (
            lambda: specs.MaxPooling1D(padding="causal"),  # type: ignore[arg-type]
            "MaxPooling1D: padding must be one of ('valid', 'same'); got 'causal'.",
        ),
        (
            lambda: specs.AveragePooling1D(strides=0),
            "AveragePooling1D: strides must be an integer of at least 1; got 0.",
        ),
        (
            lambda: specs.LayerNormalization(epsilon=0.0),
            "LayerNormalization: epsilon must be above 0; got 0.0.",
        ),
        (
            lambda: specs.Dropout(rate=0.5, noise_shape=(None, 0)),
            "Dropout: noise_shape must hold positive sizes or None; got 0.",
        ),
        (lambda: specs.SpatialDropout1D(rate=1.0), "SpatialDropout1D: rate must be at least 0"),
        (lambda: specs.GaussianDropout(rate=-0.1), "GaussianDropout: rate must be at least 0"),
        (
            lambda: specs.GaussianNoise(stddev=1.5),
            "GaussianNoise: stddev must be between 0 and 1; got 1.5.",
        ),
        (lambda: specs.ReLU(threshold=-1.0), "ReLU: threshold must be at least 0; got -1.0."),
        (lambda: specs.LeakyReLU(negative_slope=-1.0), "LeakyReLU: negative_slope must be"),
        (lambda: specs.PReLU(shared_axes=(0,)), "PReLU: shared_axes must be at least 1; got (0,)."),
        (lambda: specs.Activation(activation="swoosh"), "got 'swoosh'."),
        (
            lambda: specs.Reshape(target_shape=(-1, -1)),
            "Reshape: target_shape must hold positive sizes and at most one -1; got (-1, -1).",
        ),
        (
            lambda: specs.Permute(dims=(0, 1)),
            "Permute: dims must hold each number from 1 to 2 once; got (0, 1).",
        ),
        (lambda: specs.Attention(score_mode="sum"), "Attention: score_mode must be one of"),  # type: ignore[arg-type]
        (lambda: specs.AdditiveAttention(dropout=1.0), "AdditiveAttention: dropout must be"),
        (
            lambda: specs.TimeDistributed(layer=specs.Add()),
            "TimeDistributed: layer must take one input; got Add.",
        ),
        (
            lambda: specs.TimeDistributed(
                layer=specs.Recurrent(cell="gru", hidden_size=5, stateful=True)
            ),
            "TimeDistributed: layer must not have stateful=True.",
        ),
    ],
)
def test_settings_that_are_refused(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


@pytest.mark.parametrize(
    ("spec", "shapes", "message"),
    [
        (conv(), ((2, 3),), "Conv1D: a window spans 3 steps, but the input has 2."),
        (conv(), ((7, None),), "Conv1D: the last axis must have a known size; got (7, None)."),
        (conv(groups=5), (T,), "Conv1D: groups must divide the input's features; got 5 and 3."),
        (specs.MaxPooling1D(pool_size=11), (T,), "a window spans 11 steps, but the input has 7."),
        (specs.BatchNormalization(axis=3), (T,), "BatchNormalization: axis must be one of (7, 3)"),
        (specs.BatchNormalization(axis=1), ((None, 3),), "axis 1 must have a known size; got"),
        (
            specs.LayerNormalization(axis=(2, 1)),
            (T,),
            "axes must stand in rising order; got (2, 1)",
        ),
        (specs.Dropout(rate=0.5, noise_shape=(1, 3)), (T,), "noise_shape must have 3 sizes"),
        (specs.PReLU(), ((None, 3),), "PReLU: axis 1 of (None, 3) is open, so shared_axes must"),
        (specs.PReLU(shared_axes=(3,)), (T,), "PReLU: shared_axes must be axes of (7, 3)"),
        (specs.Softmax(axis=0), (T,), "Softmax: axis must be one of (7, 3)"),
        (specs.Softmax(axis=3), (T,), "got 3."),
        (specs.Reshape(target_shape=(4, -1)), (T,), "(7, 3) holds 21 numbers, which do not fill"),
        (specs.Reshape(target_shape=(4, 5)), (T,), "target_shape (4, 5)."),
        (specs.Permute(dims=(1,)), (T,), "Permute: dims (1,) do not fit an input (7, 3)."),
        (specs.Attention(), (T, T, (5, 3)), "Attention: needs as many keys as values"),
        (specs.Add(), (T,), "Add: needs at least two inputs; got 1."),
        (specs.Maximum(), (T, (7, 5)), "Maximum: inputs must have shapes that agree; got"),
        (specs.Concatenate(), (T, (5, 3)), "Concatenate: inputs must agree but for axis -1; got"),
        (specs.Concatenate(axis=0), (T, T), "Concatenate: axis must be one of (7, 3)"),
        (specs.Dot(axes=1), (T, (5, 3)), "Dot: the inputs must have equal sizes along axes 1; got"),
        (specs.Dot(axes=(1, 3)), (T, T), "Dot: axis must be one of (7, 3)"),
        (
            specs.TimeDistributed(layer=specs.Dense(units=1)),
            (F,),
            "(batch, time, ...) and one more",
        ),
        (
            specs.TimeDistributed(
                layer=specs.Bidirectional(forward=LSTM, merge_mode=None),
            ),
            ((7, 4, 3),),
            "TimeDistributed: layer must have one output; got 2.",
        ),
    ],
)
def test_inputs_that_are_refused(spec: LayerSpec, shapes: tuple[Shape, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        spec.output_shape(*shapes)
