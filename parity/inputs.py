"""Random weights and ragged inputs, so that no difference hides behind zeros."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import specs

BATCH, TIME = 5, 11


class Inputs(NamedTuple):
    """What both models are called with.

    Attributes:
        arrays: one an input node.
        mask: ``(batch, time)`` bool, an explicit mask for both; None where there is none.
    """

    arrays: list[np.ndarray]
    mask: np.ndarray | None = None

    def all(self) -> list[np.ndarray]:
        """The arrays, and the mask last where there is one."""
        return self.arrays if self.mask is None else [*self.arrays, self.mask]

    def take(self, rows: np.ndarray) -> "Inputs":
        """The examples with these indices."""
        mask = None if self.mask is None else self.mask[rows]
        return Inputs([array[rows] for array in self.arrays], mask)


def randomise_weights(model: torch.nn.Module, seed: int = 0) -> None:
    """Gives every parameter, biases too, values from U(-a, a), a = 1.5 / sqrt(fan-in)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            bound = 1.5 / max(parameter.shape[-1] if parameter.dim() > 1 else 4, 1) ** 0.5
            values = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_((2 * values - 1) * bound)


def ragged_mask(batch: int, time: int, seed: int = 0) -> np.ndarray:
    """A right-padding mask with lengths from 1 to ``time``, both of which occur."""
    lengths = np.random.default_rng(seed).integers(1, time + 1, batch)
    lengths[0], lengths[-1] = time, 1
    return np.arange(time) < lengths[:, None]


def _layers(spec: specs.ModelSpec) -> Iterator[specs.LayerSpec]:
    """Every layer of a model, those inside others too."""
    for node in spec.nodes:
        layer = node.layer.layer if isinstance(node.layer, specs.TimeDistributed) else node.layer
        yield layer
        if isinstance(layer, specs.Submodel):
            yield from _layers(layer.model)


def random_inputs(
    model: SequenceClassifier,
    explicit_mask: bool = False,
    seed: int = 0,
    batch: int | None = None,
) -> Inputs:
    """Ragged inputs for a model: padding where it masks, otherwise full rows.

    Args:
        model: whose inputs they are.
        explicit_mask: whether the mask is given apart, for a model that does not find it itself.
        seed: of the draw.
        batch: how many examples; default: `BATCH`.
    """
    generator = np.random.default_rng(seed)
    layers = list(_layers(model.spec))
    mask_zero = any(isinstance(layer, specs.Embedding) and layer.mask_zero for layer in layers)
    maskings = [layer.mask_value for layer in layers if isinstance(layer, specs.Masking)]
    vocabulary = min(
        (layer.vocab_size for layer in layers if isinstance(layer, specs.Embedding)), default=2
    )
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    arrays = []
    for node in model.spec.inputs:
        layer = node.layer
        assert isinstance(layer, specs.Input)
        shape = (batch or BATCH, *(TIME if size is None else size for size in layer.shape))
        padding = (
            ~ragged_mask(shape[0], shape[1], seed) if len(shape) > 1 else np.zeros(shape[:1], bool)
        )
        if layer.dtype == "int64":
            lowest = 1 if mask_zero else 0
            array = generator.integers(lowest, max(vocabulary, lowest + 1), shape)
            if mask_zero:
                array[padding] = 0
        else:
            array = generator.standard_normal(shape).astype(dtype)
            if maskings:
                array[padding] = maskings[0]
        arrays.append(array)
    first = arrays[0]
    mask = ragged_mask(first.shape[0], first.shape[1], seed) if explicit_mask else None
    return Inputs(arrays, mask)
