"""Mistakes in the layers around the recurrent ones, most of them torch's defaults for Keras's."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn import layers
from birnn_lightning.nn.layers import normalization, pooling, regularization, space
from birnn_lightning.nn.masks import Masked
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants.mutant import AROUND, Mutant, Patch, attribute

BATCH_NORMALIZATION = AROUND["BatchNormalization, training"]
MOVE = layers.BatchNormalization._move
MOMENTS = normalization._moments
WITH = ("layer 'layer_1'",)


def changed(layer: type, change: Callable[[Any], None]) -> Patch:
    """A layer after a change to its settings."""
    right = layer.forward

    def forward(module: Any, *inputs: Masked) -> Masked:
        kept = dict(vars(module))
        change(module)
        try:
            return right(module, *inputs)
        finally:
            vars(module).update(kept)

    return attribute(layer, "forward", forward)


def epsilon_of_torch(module: Any) -> None:
    """1e-5 for 1e-3."""
    module.epsilon = 1e-5


def inverted_move(module: Any, name: str, value: Tensor) -> None:
    """Momentum in torch's sense."""
    module.momentum = 1 - module.momentum
    MOVE(module, name, value)
    module.momentum = 1 - module.momentum


def unbiased(values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The variance is divided by one less than the count."""
    mean, variance = MOMENTS(values, mask)
    count = values.flatten(0, -2).shape[0] if mask is None else int(mask.sum())
    return mean, variance * count / (count - 1)


def of_all_steps(values: Tensor, _: Tensor | None) -> tuple[Tensor, Tensor]:
    """Padding counts."""
    return MOMENTS(values, None)


def element_by_element(layer: Any, values: Tensor) -> Tensor:
    """Dropout of single elements."""
    shape = tuple(values.shape)
    return values * regularization.dropout_factor(
        layer.noise, regularization.KEY, shape, layer.spec.rate, values
    )


def wider(layer: Any, values: Tensor) -> Tensor:
    """Deviates of the deviation ``rate``."""
    noise = regularization.normal(layer.noise, regularization.KEY, tuple(values.shape), values)
    return values * (1 + layer.spec.rate * noise)


def centred(_: int, span: int, strides: int, padding: str) -> tuple[int, int]:
    """As much padding on both sides, for causal convolutions too."""
    return (span // 2, span - 1 - span // 2) if padding != "valid" else (0, 0)


def padding_counts(layer: Any, values: Tensor) -> Tensor:
    """The mean of a window at the edge is that of the zeros beyond it too."""
    return functional.avg_pool1d(layer.padded(values, 0), layer.spec.sizes, layer.spec.steps)


def mutant(name: str, change: str, case: LayerCase, patch: Patch, *says: str) -> Mutant:
    """A mutant of the second layer, if not said otherwise."""
    return Mutant(name=name, change=change, case=case, patch=patch, says=says or WITH)


MUTANTS = (
    mutant(
        "layer normalization with torch's epsilon",
        "epsilon 1e-5 for 1e-3",
        AROUND["LayerNormalization, inference"],
        changed(layers.LayerNormalization, epsilon_of_torch),
    ),
    mutant(
        "batch normalization with torch's epsilon",
        "epsilon 1e-5 for 1e-3",
        AROUND["BatchNormalization, inference"],
        changed(layers.BatchNormalization, epsilon_of_torch),
    ),
    mutant(
        "batch normalization over padding",
        "masked steps count in mean and variance",
        BATCH_NORMALIZATION,
        attribute(normalization, "_moments", of_all_steps),
    ),
    mutant(
        "batch normalization with unbiased variance",
        "the variance is divided by n - 1, as torch's moving one",
        BATCH_NORMALIZATION,
        attribute(normalization, "_moments", unbiased),
    ),
    Mutant(
        name="batch normalization with torch's momentum",
        change="momentum is the share of the new value",
        case=BATCH_NORMALIZATION,
        patch=attribute(layers.BatchNormalization, "_move", inverted_move),
        says=("value after the run of layer_1/moving_mean:", "layers.layer_1.moving_mean ->"),
        margin=None,
    ),
    mutant(
        "spatial dropout of elements",
        "each step drops other features",
        AROUND["SpatialDropout1D, training"],
        attribute(layers.SpatialDropout1D, "disturbed", element_by_element),
    ),
    mutant(
        "gaussian dropout of deviation rate",
        "the deviation is the rate, not sqrt(rate / (1 - rate))",
        AROUND["GaussianDropout, training"],
        attribute(layers.GaussianDropout, "disturbed", wider),
    ),
    mutant(
        "causal convolution sees the future",
        "padding stands on both sides",
        AROUND["Conv1D causal, inference"],
        attribute(space, "padding_amounts", centred),
    ),
    mutant(
        "average pooling of padding",
        "zeros beyond the edge count",
        AROUND["AveragePooling1D same, inference"],
        attribute(pooling.AveragePooling1D, "pooled", padding_counts),
    ),
    mutant(
        "product for average",
        "branches are multiplied",
        AROUND["Average, inference"],
        attribute(layers.Average, "merge", layers.Multiply.merge),
        "layer 'merge'",
    ),
    mutant(
        "dropout of whole steps forgotten",
        "noise_shape is not looked at",
        AROUND["Dropout of steps, training"],
        attribute(layers.Dropout, "disturbed", element_by_element),
    ),
)
