"""Every setting of the layers around the recurrent ones, with shapes that agree by no chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec, Shape
from tests.parity.spatial_samples import EACH_STEP, IMAGE_LAYERS, LENGTHS, SCALES

BATCH, TIME, FEATURE, OTHER, STEPS = 2, 7, 3, 5, 4
SEQUENCE = (TIME, FEATURE)
MASKS = np.array(
    [[True, False, True, True, False, False, True], [False, True, True, False, True, True, True]]
)
SECOND_MASK = np.array([[True, True, False, True, False, True, False], [True] * 5 + [False] * 2])


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A layer and what it is run on.

    Attributes:
        spec: the layer.
        shapes: of its inputs, without the batch axis.
        masked: for each input whether it comes with a mask.
    """

    spec: LayerSpec
    shapes: tuple[Shape, ...] = (SEQUENCE,)
    masked: tuple[bool, ...] = (True,)


def _one(spec: LayerSpec, *shapes: Shape, masked: bool = True) -> Sample:
    shapes = shapes or (SEQUENCE,)
    return Sample(spec=spec, shapes=shapes, masked=(masked,) * len(shapes))


def _merges() -> dict[str, Sample]:
    merges = {}
    for kind in (specs.Add, specs.Average, specs.Multiply, specs.Maximum, specs.Minimum):
        for masked in ((True, True), (True, False), (False, True), (False, False)):
            name = f"{kind.__name__} {masked}"
            merges[name] = Sample(spec=kind(), shapes=(SEQUENCE,) * 2, masked=masked)
        for masked in ((True, True, True), (True, False, True), (False, True, True)):
            name = f"{kind.__name__} {masked}"
            merges[name] = Sample(spec=kind(), shapes=(SEQUENCE,) * 3, masked=masked)
        merges[f"{kind.__name__} broadcast"] = _one(kind(), SEQUENCE, (TIME, 1))
        merges[f"{kind.__name__} ranks"] = Sample(
            spec=kind(), shapes=((FEATURE,), SEQUENCE), masked=(False, True)
        )
    return merges


MERGES = {
    **_merges(),
    "Subtract": _one(specs.Subtract(), SEQUENCE, SEQUENCE),
    "Subtract ranks": Sample(
        spec=specs.Subtract(), shapes=((FEATURE,), SEQUENCE), masked=(False, True)
    ),
    "Concatenate": _one(specs.Concatenate(), SEQUENCE, (TIME, OTHER)),
    "Concatenate half masked": Sample(
        spec=specs.Concatenate(), shapes=(SEQUENCE, (TIME, OTHER)), masked=(False, True)
    ),
    "Concatenate three": _one(specs.Concatenate(axis=2), SEQUENCE, (TIME, OTHER), (TIME, 1)),
    "Concatenate in time": Sample(
        spec=specs.Concatenate(axis=1), shapes=(SEQUENCE, (OTHER, FEATURE)), masked=(True, False)
    ),
    "Concatenate in time masked": _one(specs.Concatenate(axis=-2), SEQUENCE, SEQUENCE),
    "Dot": _one(specs.Dot(axes=1), SEQUENCE, (TIME, OTHER)),
    "Dot of vectors": _one(specs.Dot(axes=-1), (OTHER,), (OTHER,), masked=False),
    "Dot of unit vectors": _one(specs.Dot(axes=1, normalize=True), (5,), (5,), masked=False),
    "Dot along pairs": _one(
        specs.Dot(axes=(2, 1), normalize=True), SEQUENCE, (FEATURE, OTHER), masked=False
    ),
    "Dot of a vector": _one(specs.Dot(axes=(1, 2)), (FEATURE,), SEQUENCE, masked=False),
    "Dot with a vector": _one(specs.Dot(axes=(2, 1)), SEQUENCE, (FEATURE,), masked=False),
    "Dot of many axes": _one(
        specs.Dot(axes=(2, 3)), (OTHER, FEATURE, 2), (TIME, 4, FEATURE), masked=False
    ),
}
ATTENTION = {
    **{
        f"Attention {mode} {scale} {dropout} {len(shapes)}": _one(
            specs.Attention(use_scale=scale, score_mode=mode, dropout=dropout), *shapes
        )
        for mode in ("dot", "concat")
        for scale in (False, True)
        for dropout in (0.0, 0.3)
        for shapes in ((SEQUENCE, SEQUENCE), (SEQUENCE, (TIME, OTHER), SEQUENCE))
    },
    "AdditiveAttention": _one(specs.AdditiveAttention(), SEQUENCE, SEQUENCE),
    "AdditiveAttention bare": _one(
        specs.AdditiveAttention(use_scale=False, dropout=0.3), SEQUENCE, (TIME, OTHER), SEQUENCE
    ),
    "Attention half masked": Sample(
        spec=specs.Attention(), shapes=(SEQUENCE, SEQUENCE), masked=(True, False)
    ),
    "Attention of a masked value": Sample(
        spec=specs.Attention(), shapes=((OTHER, FEATURE), SEQUENCE), masked=(False, True)
    ),
}
CONVOLUTION_SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"padding": "same", "activation": "tanh"},
    {"padding": "causal", "use_bias": False},
    {"strides": 2},
    {"strides": 2, "padding": "same"},
    {"strides": 3, "padding": "same"},
    {"strides": 2, "padding": "causal"},
    {"dilation_rate": 2},
    {"dilation_rate": 2, "padding": "same"},
    {"dilation_rate": 3, "padding": "causal"},
)
CONVOLUTIONS = {
    f"Conv1D {settings}": _one(specs.Conv1D(filters=OTHER, kernel_size=3, **settings))
    for settings in CONVOLUTION_SETTINGS
}
CONVOLUTIONS["Conv1D even"] = _one(specs.Conv1D(filters=5, kernel_size=2, padding="same"))
CONVOLUTIONS["Conv1D groups"] = _one(
    specs.Conv1D(filters=6, kernel_size=3, groups=2, padding="same"), (TIME, 4)
)
POOLINGS = {
    f"{kind.__name__} {size} {strides} {padding}": _one(
        kind(pool_size=size, strides=strides, padding=padding)
    )
    for kind in (specs.MaxPooling1D, specs.AveragePooling1D)
    for size, strides in ((2, None), (3, 2), (3, 1), (2, 3))
    for padding in ("valid", "same")
}
ELEMENTWISE = {
    "Activation": _one(specs.Activation(activation="sigmoid")),
    "Activation softmax": _one(specs.Activation(activation="softmax")),
    "ReLU": _one(specs.ReLU()),
    "ReLU slope": _one(specs.ReLU(negative_slope=0.1)),
    "ReLU limit": _one(specs.ReLU(max_value=0.5)),
    "ReLU 6": _one(specs.ReLU(max_value=6.0, negative_slope=0.3)),
    "ReLU threshold": _one(specs.ReLU(threshold=0.2)),
    "ReLU all": _one(specs.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2)),
    "ReLU threshold slope": _one(specs.ReLU(negative_slope=0.7, threshold=0.3)),
    "LeakyReLU": _one(specs.LeakyReLU()),
    "PReLU": _one(specs.PReLU()),
    "PReLU shared": _one(specs.PReLU(shared_axes=(1,))),
    "ELU": _one(specs.ELU()),
    "ELU alpha": _one(specs.ELU(alpha=0.7)),
    "Softmax": _one(specs.Softmax(), masked=False),
    "Softmax in time": _one(specs.Softmax(axis=1), masked=False),
    "Softmax masked": _one(specs.Softmax(), (TIME,)),
    "Dropout": _one(specs.Dropout(rate=0.3)),
    "Dropout noise_shape": _one(specs.Dropout(rate=0.3, noise_shape=(None, 1, FEATURE))),
    "SpatialDropout1D": _one(specs.SpatialDropout1D(rate=0.3)),
    "GaussianDropout": _one(specs.GaussianDropout(rate=0.3)),
    "GaussianNoise": _one(specs.GaussianNoise(stddev=0.7)),
    "BatchNormalization": _one(specs.BatchNormalization()),
    "BatchNormalization bare": _one(
        specs.BatchNormalization(axis=2, center=False, scale=False, momentum=0.6, epsilon=0.02)
    ),
    "BatchNormalization of vectors": _one(
        specs.BatchNormalization(momentum=0.6), (FEATURE,), masked=False
    ),
    "LayerNormalization": _one(specs.LayerNormalization()),
    "LayerNormalization bare": _one(
        specs.LayerNormalization(axis=2, center=False, scale=False, epsilon=0.02)
    ),
}
SUMMARIES = {
    **{
        f"{kind.__name__} {keepdims}": _one(kind(keepdims=keepdims))
        for kind in (specs.GlobalMaxPooling1D, specs.GlobalAveragePooling1D)
        for keepdims in (False, True)
    },
    "Dense": _one(specs.Dense(units=OTHER, activation="tanh")),
    "Flatten": _one(specs.Flatten()),
    "Reshape": _one(specs.Reshape(target_shape=(FEATURE, -1))),
    "Reshape whole": _one(specs.Reshape(target_shape=(3, 1, 7))),
    "Permute": _one(specs.Permute(dims=(2, 1))),
    "RepeatVector": _one(specs.RepeatVector(n=3), (FEATURE,), masked=False),
    "Masking": _one(specs.Masking(), masked=False),
}
OF_SPACE = {
    name: _one(layer, shape) for name, (layer, shape) in {**IMAGE_LAYERS, **LENGTHS}.items()
}
SCALING = {name: _one(layer, shape) for name, (layer, shape) in SCALES.items()}
LAYERS = {**CONVOLUTIONS, **POOLINGS, **ELEMENTWISE, **SUMMARIES, **OF_SPACE, **SCALING}
INNER = {
    "Dense": (specs.Dense(units=OTHER), SEQUENCE),
    "Conv1D": (specs.Conv1D(filters=OTHER, kernel_size=3), (TIME, STEPS, FEATURE)),
    "Flatten": (specs.Flatten(), (TIME, STEPS, FEATURE)),
    "Activation": (specs.Activation(activation="tanh"), SEQUENCE),
    "LayerNormalization": (specs.LayerNormalization(), SEQUENCE),
    "BatchNormalization": (specs.BatchNormalization(momentum=0.6), SEQUENCE),
    "GlobalMaxPooling1D": (specs.GlobalMaxPooling1D(), (TIME, STEPS, FEATURE)),
    **EACH_STEP,
}
DISTRIBUTED = {
    name: _one(specs.TimeDistributed(layer=layer), shape) for name, (layer, shape) in INNER.items()
}
UNMASKED_INNER = {
    "LSTM": specs.Recurrent(cell="lstm", hidden_size=OTHER),
    "Bidirectional": specs.Bidirectional(
        forward=specs.Recurrent(cell="gru", hidden_size=OTHER, return_sequences=True)
    ),
    "GlobalAveragePooling1D": specs.GlobalAveragePooling1D(),
}
DISTRIBUTED |= {
    name: _one(specs.TimeDistributed(layer=layer), (TIME, STEPS, FEATURE), masked=False)
    for name, layer in UNMASKED_INNER.items()
}


def arrays(sample: Sample, seed: int = 0) -> list[np.ndarray]:
    """Inputs from U(-1, 1)."""
    random = np.random.default_rng(seed)
    return [random.uniform(-1, 1, (BATCH, *shape)) for shape in sample.shapes]  # type: ignore[arg-type]


def masks(sample: Sample) -> list[np.ndarray | None]:
    """For each input its mask ``(batch, time)``, a different one for each, or None."""
    every = [MASKS, SECOND_MASK, ~MASKS]
    return [
        every[index][:, : shape[0]] if masked else None
        for index, (shape, masked) in enumerate(zip(sample.shapes, sample.masked, strict=True))
    ]


def noise(key: str, shape: tuple[int, ...]) -> Tensor:
    """The same deviates whenever asked for the same key and shape."""
    random = np.random.default_rng([*key.encode(), *shape])
    draw = random.random if key.endswith("dropout") else random.standard_normal
    return torch.from_numpy(draw(shape))
