"""The model that a spec describes: its layers, run in order, with the masks along the edges."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from birnn_lightning.nn import layers
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.specs import (
    Activation,
    Dense,
    Input,
    LayerSpec,
    ModelSpec,
    Softmax,
    reference,
)

__all__ = ["SequenceModel", "layers"]


class SequenceModel(nn.Module):
    """Computes a model spec up to its logits.

    Attributes:
        spec: the whole model.
        output_activation: name of what turns logits into the output of the last layer.
        layers: one module a node, under the node's name.
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Builds and initialises every layer."""
        super().__init__()
        self.spec = spec
        shapes = spec.shapes()
        self.output_activation, last = _split_activation(spec.output.layer)
        self.layers = nn.ModuleDict()
        for node in spec.nodes:
            if not isinstance(node.layer, Input):
                layer = last if node is spec.output else node.layer
                input_shapes = (shapes[name] for name in node.inputs)
                self.layers[node.name] = build_layer(layer, *input_shapes)

    def forward(self, inputs: Sequence[Masked]) -> Masked:
        """Maps one masked tensor an input node to the logits and their mask.

        The logits are the last layer's output before its activation.
        """
        return self.stages(inputs)[self.spec.output.name]

    def stages(self, inputs: Sequence[Masked]) -> dict[str, Masked]:
        """Every output of every node by reference; that of the last node is the logits."""
        computed = dict(zip((node.name for node in self.spec.inputs), inputs, strict=True))
        for node in self.spec.nodes:
            if node.name not in computed:
                result = self.layers[node.name](*(computed[name] for name in node.inputs))
                outputs = (result,) if isinstance(result, Masked) else result
                for index, output in enumerate(outputs):
                    computed[reference(node.name, index)] = output
        return computed

    def reset_states(self) -> None:
        """Makes every stateful layer start from zeros again."""
        for layer in self.layers.values():
            if isinstance(layer, RecurrentLayer):
                layer.reset_states()

    def activate(self, logits: Tensor) -> Tensor:
        """The last layer's activation: what the Keras twin returns."""
        return ACTIVATIONS[self.output_activation](logits)


def output_activation(spec: ModelSpec) -> str:
    """Name of what turns a model's logits into its output."""
    return _split_activation(spec.output.layer)[0]


def _split_activation(layer: LayerSpec) -> tuple[str, LayerSpec]:
    """The last layer's activation, and the layer without it."""
    if isinstance(layer, Dense | Activation):
        return layer.activation, replace(layer, activation="linear")
    if layer == Softmax():
        return "softmax", Activation(activation="linear")
    return "linear", layer
