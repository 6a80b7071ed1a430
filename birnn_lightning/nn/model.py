"""The model that a spec describes: its layers, run in order, with the masks along the edges."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from birnn_lightning.nn import layers
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.layer import Layer, build_layer
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.regularizers import ActivityLosses
from birnn_lightning.nn.specs import (
    Activation,
    Bidirectional,
    Dense,
    Input,
    LayerSpec,
    ModelSpec,
    Node,
    Softmax,
    reference,
)
from birnn_lightning.nn.variables import Variable, within

__all__ = ["SequenceModel", "layers"]


class SequenceModel(nn.Module):
    """Computes a model spec up to its logits.

    Attributes:
        spec: the whole model.
        output_activation: name of what turns logits into the output of the last layer.
        layers: one module a node, under the node's name.
        activity_losses: the penalties of outputs in the last forward pass.
        is_regularized: whether anything adds to the loss.
        is_constrained: whether a weight has a constraint.
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Builds and initialises every layer."""
        super().__init__()
        self.spec = spec
        shapes = spec.shapes()
        self.output_activation, last = _split_activation(spec.output.layer)
        self.activity_losses = ActivityLosses()
        self.layers = nn.ModuleDict()
        for node in spec.nodes:
            if not isinstance(node.layer, Input):
                layer = last if node is spec.output else node.layer
                input_shapes = (shapes[name] for name in node.inputs)
                built = self.layers[node.name] = build_layer(layer, *input_shapes)
                if isinstance(built, RecurrentLayer):
                    built.activity_losses = self.activity_losses
        self.is_regularized = any(map(_regularizes_outputs, spec.nodes)) or any(
            variable.regularizer for variable in self.variables()
        )
        self.is_constrained = any(variable.constraint for variable in self.variables())

    def forward(self, inputs: Sequence[Masked]) -> Masked:
        """Maps one masked tensor an input node to the logits and their mask.

        The logits are the last layer's output before its activation.
        """
        return self.stages(inputs)[self.spec.output.name]

    def stages(self, inputs: Sequence[Masked]) -> dict[str, Masked]:
        """Every output of every node by reference; that of the last node is the logits."""
        self.activity_losses.terms.clear()
        computed = dict(zip((node.name for node in self.spec.inputs), inputs, strict=True))
        for node in self.spec.nodes:
            if node.name not in computed:
                result = self.layers[node.name](*(computed[name] for name in node.inputs))
                outputs = (result,) if isinstance(result, Masked) else result
                for index, output in enumerate(outputs):
                    computed[reference(node.name, index)] = output
                if node.layer.activity_regularizer is not None:
                    self.activity_losses.add(node.layer, self._values(node, outputs))
        return computed

    def _values(self, node: Node, outputs: Sequence[Masked]) -> list[Tensor]:
        """A node's outputs; those of the last are what the activation makes of the logits."""
        values = [output.values for output in outputs]
        return [self.activate(one) for one in values] if node is self.spec.output else values

    def variables(self) -> tuple[Variable, ...]:
        """Everything that is trained, under the names of the Keras twin."""
        return tuple(
            variable
            for name, layer in self.layers.items()
            if isinstance(layer, Layer)
            for variable in within(name, layer.variables())
        )

    def regularization_loss(self) -> Tensor:
        """What weights, and outputs in the last forward pass, add to the loss: a scalar.

        Like Keras's ``model.losses``: in evaluation too, and without frozen weights.
        """
        variables = self.variables() if self.is_regularized else ()
        penalties = (variable.penalty() for variable in variables)
        terms = [*self.activity_losses.terms, *(one for one in penalties if one is not None)]
        return torch.stack(terms).sum() if terms else torch.zeros(())

    def apply_constraints(self) -> None:
        """Makes every weight satisfy its constraint, in place; Keras does so after each update."""
        if self.is_constrained:
            for variable in self.variables():
                variable.apply_constraint()

    def reset_states(self) -> None:
        """Makes every stateful layer start from zeros again."""
        for layer in self.layers.values():
            if isinstance(layer, RecurrentLayer):
                layer.reset_states()

    def activate(self, logits: Tensor) -> Tensor:
        """The last layer's activation: what the Keras twin returns."""
        return ACTIVATIONS[self.output_activation](logits)


def _regularizes_outputs(node: Node) -> bool:
    """Whether a node, or a direction of its layer, has an activity regulariser."""
    parts = node.layer.directions if isinstance(node.layer, Bidirectional) else ()
    return any(part.activity_regularizer for part in (node.layer, *parts))


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
