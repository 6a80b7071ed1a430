"""The layer that runs another on every step by itself."""

from collections.abc import Iterator

import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, build_layer, layer_for
from birnn_lightning.nn.layers.normalization import BatchNormalization
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.variables import Variable, within

USE_STEP_MASKS = (specs.Recurrent, specs.RecurrentStack, specs.Bidirectional)
USE_STEP_MASKS += (specs.GlobalAveragePooling1D, specs.Softmax)


@layer_for(specs.TimeDistributed)
class TimeDistributed(Layer):
    """Folds time into the batch, so that all steps run at once.

    Where batch and time are both open, Keras 3.15.1 on TensorFlow runs in graphs only as many steps
    as the batch has rows; that is not imitated.

    A `BatchNormalization` in training is another thing: Keras gives each step statistics of its own
    and moves the averages step after step.

    Attributes:
        layer: what runs on every step.
    """

    def __init__(self, spec: specs.TimeDistributed, shape: specs.Shape) -> None:
        """Builds the layer for the shape of a step."""
        super().__init__()
        self.spec = spec
        self.layer = build_layer(spec.layer, shape[1:])

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, ...)`` to ``(batch, time, ...)``; the mask passes.

        Raises:
            ValueError: a mask ``(batch, time)`` and a layer that needs one for every step.
        """
        ((values, mask),) = inputs
        self.layer.noise = self.noise  # drawn for all steps at once, each row's steps in order
        if isinstance(self.layer, BatchNormalization) and self.training:
            return Masked(self._step_by_step(values, mask), mask)
        folded = Masked(values.flatten(0, 1), self._folded_mask(mask))
        output = self.layer(folded)
        assert isinstance(output, Masked)
        return Masked(output.values.unflatten(0, values.shape[:2]), mask)

    def variables(self) -> Iterator[Variable]:
        """Those of the layer."""
        yield from within("layer", self.layer.variables())

    def _folded_mask(self, mask: Tensor | None) -> Tensor | None:
        """The steps' masks; None where the layer does not look at one."""
        if mask is None or not isinstance(self.spec.layer, USE_STEP_MASKS):
            return None
        if mask.dim() < 3:
            raise ValueError(
                f"TimeDistributed: a {type(self.spec.layer).__name__} needs a mask for every step, "
                f"with the axes (batch, time, step); got {tuple(mask.shape)}. Let no mask come in, "
                "or one that has the axis."
            )
        return mask.flatten(0, 1)

    def _step_by_step(self, values: Tensor, mask: Tensor | None) -> Tensor:
        outputs = [
            self.layer(Masked(values[:, step], None if mask is None else mask[:, step])).values
            for step in range(values.shape[1])
        ]
        return torch.stack(outputs, dim=1)
