"""The layer that runs another on every step by itself."""

from collections.abc import Iterator

import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, build_layer, layer_for
from birnn_lightning.nn.layers.core import Embedding, Masking
from birnn_lightning.nn.layers.normalization import BatchNormalization
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.variables import Variable, within


@layer_for(specs.TimeDistributed)
class TimeDistributed(Layer):
    """Folds time into the batch, so that all steps run at once.

    Where batch and time are both open, Keras 3.15.1 on TensorFlow runs in graphs only as many steps
    as the batch has rows; that is not imitated.

    A `BatchNormalization` in training is another thing, also inside a model: Keras gives each step
    statistics of its own and moves the averages step after step. So are penalties of outputs inside
    a model, which are a mean over the batch and a sum over the steps.

    A mask that comes to a layer inside is forgotten there by one that finds its own, as in Keras.

    Attributes:
        layer: what runs on every step.
    """

    def __init__(self, spec: specs.TimeDistributed, shape: specs.Shape) -> None:
        """Builds the layer for the shape of a step."""
        super().__init__()
        self.spec = spec
        self.layer = build_layer(spec.layer, shape[1:])
        self._regularizes = specs.regularizes_outputs(spec.layer)
        self._normalizes = any(isinstance(one, BatchNormalization) for one in self.layer.modules())
        for one in self.layer.modules():  # a caller's own masks stay outside
            if isinstance(one, Embedding | Masking):
                one.keeps_entering = False

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, ...)`` to ``(batch, time, ...)``; the mask passes.

        Raises:
            ValueError: a mask ``(batch, time)`` that reaches a layer which needs one for the steps
                of a step.
        """
        ((values, mask),) = inputs
        self.layer.noise = self.noise  # drawn for all steps at once, each row's steps in order
        if self._regularizes or (self._normalizes and self.training):
            return Masked(self._step_by_step(values, mask), mask)
        output = self.layer(Masked(values.flatten(0, 1), _folded(mask, values)))
        assert isinstance(output, Masked)
        return Masked(output.values.unflatten(0, values.shape[:2]), mask)

    def variables(self) -> Iterator[Variable]:
        """Those of the layer."""
        yield from within("layer", self.layer.variables())

    def _step_by_step(self, values: Tensor, mask: Tensor | None) -> Tensor:
        outputs = [
            self.layer(Masked(values[:, step], None if mask is None else _step(mask, step))).values
            for step in range(values.shape[1])
        ]
        return torch.stack(outputs, dim=1)


def _folded(mask: Tensor | None, values: Tensor) -> Tensor | None:
    """The steps' masks: ``(batch * time,)`` where the mask has no axis but these."""
    if mask is None:
        return None
    if mask.dim() == 1:
        mask = mask[:, None].expand(values.shape[:2])
    return mask.flatten(0, 1)


def _step(mask: Tensor, step: int) -> Tensor:
    """The mask of one step; one of whole rows is that of each of their steps."""
    return mask if mask.dim() == 1 else mask[:, step]
