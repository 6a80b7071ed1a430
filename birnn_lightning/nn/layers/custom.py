"""The layer that runs a module of the user's own."""

from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.specs.custom import custom_layer


@layer_for(specs.Custom)
class Custom(Layer):
    """Runs a registered module.

    Attributes:
        module: the user's.
    """

    def __init__(self, spec: specs.Custom, *shapes: specs.Shape) -> None:
        """Builds the module."""
        super().__init__()
        self.custom = custom_layer(spec.class_name)
        self.module = spec.build(*shapes)

    def forward(self, *inputs: Masked) -> Masked:
        """Tensors ``(batch, ...)`` to one; its mask is the first input's, or none."""
        mask = inputs[0].mask
        keywords: dict[str, Tensor | None] = {"mask": mask} if self.custom.uses_mask else {}
        output = self.module(*(values for values, _ in inputs), **keywords)
        return Masked(output, mask if self.custom.mask == "passes" else None)
