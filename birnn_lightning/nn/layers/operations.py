"""The layer of an operation."""

import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked


@layer_for(specs.Operation)
class Operation(Layer):
    """Computes one of Keras's operations; the output has no mask.

    As in Keras, a tensor that comes back as it is keeps its mask: one that is cast to the type that
    it has.
    """

    precision: Tensor

    def __init__(self, spec: specs.Operation, *shapes: specs.Shape) -> None:
        """Follows the model's precision and device through a buffer without elements."""
        super().__init__()
        self.spec = spec
        self.register_buffer("precision", torch.empty(0), persistent=False)

    def forward(self, *inputs: Masked) -> Masked | tuple[Masked, ...]:
        """Tensors ``(batch, ...)`` to one, or several."""
        result = self.spec.compute([values for values, _ in inputs], self.precision)
        if not isinstance(result, Tensor):
            return tuple(map(Masked, result))
        kept = next((mask for values, mask in inputs if values is result), None)
        return Masked(result, kept)
