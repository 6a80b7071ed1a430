"""The model that a spec describes: its layers, run in order, with the masks along the edges."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from birnn_lightning.nn import layers
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.concatenation import is_traced
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
    Recurrent,
    RecurrentStack,
    Softmax,
    Submodel,
    TimeDistributed,
    reference,
    regularizes_outputs,
)
from birnn_lightning.nn.unread import Unread
from birnn_lightning.nn.variables import Variable, within

__all__ = ["SequenceModel", "layers"]


class SequenceModel(nn.Module):
    """Computes a model spec up to its logits.

    Attributes:
        spec: the whole model.
        output_activations: for each output the name of what turns its logits into the output.
        layers: one module a node that has a layer of its own, under the node's name.
        activity_losses: the penalties of outputs in the last forward pass.
        is_regularized: whether anything adds to the loss.
        is_constrained: whether a weight has a constraint.
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Builds and initialises every layer."""
        super().__init__()
        self.spec = spec
        shapes = spec.shapes()
        self.output_activations, without = split_activations(spec)
        self.activity_losses = ActivityLosses()
        self.layers = nn.ModuleDict()
        for node in spec.nodes:
            if not isinstance(node.layer, Input) and not node.shares:
                input_shapes = (shapes[name] for name in node.inputs)
                layer = without.get(node.name, node.layer)
                self.layers[node.name] = build_layer(layer, *input_shapes)
        self._readers = only_readers(spec)
        self.share_activity_losses(self.activity_losses)
        self.is_regularized = any(regularizes_outputs(node.layer) for node in spec.nodes) or any(
            variable.regularizer for variable in self.variables()
        )
        self.is_constrained = any(variable.constraint for variable in self.variables())

    def share_activity_losses(self, losses: ActivityLosses) -> None:
        """Makes the penalties of every output inside, however deep, go to one place."""
        self.activity_losses = losses
        for module in self.modules():
            if isinstance(module, RecurrentLayer | SequenceModel):
                module.activity_losses = losses

    def forward(self, inputs: Sequence[Masked]) -> Masked | tuple[Masked, ...]:
        """Maps one masked tensor an input node to the logits and their mask, a tuple of several.

        The logits are the last layer's output before its activation.
        """
        self.activity_losses.terms.clear()
        outputs = self.compute(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def stages(self, inputs: Sequence[Masked]) -> dict[str, Masked]:
        """Every output of every node by reference; that of the last node is the logits."""
        self.activity_losses.terms.clear()
        return self._computed(inputs, whole=True)

    def compute(self, inputs: Sequence[Masked]) -> tuple[Masked, ...]:
        """The outputs, before their activations, in a forward pass that has begun."""
        computed = self._computed(inputs, whole=False)
        return tuple(computed[name] for name in self.spec.outputs)

    def _computed(self, inputs: Sequence[Masked], whole: bool) -> dict[str, Any]:
        """What every node puts out; but for a `whole` some of it may be `Unread`."""
        entrances = (node.name for node in self.spec.inputs)
        computed: dict[str, Any] = dict(zip(entrances, inputs, strict=True))
        for node in self.spec.nodes:
            if node.name not in computed:
                layer = self.layers[node.shares or node.name]
                entering = [computed[name] for name in node.inputs]
                unread = None if whole else self._unread(node, layer, entering)
                result = layer(*entering) if unread is None else unread
                outputs: Any = (result,) if isinstance(result, Masked | Unread) else result
                for index, output in enumerate(outputs):
                    computed[reference(node.name, index)] = output
                if node.layer.activity_regularizer is not None:
                    self.activity_losses.add(node.layer, self._values(node, outputs))
        return computed

    def _unread(self, node: Node, layer: Any, entering: Sequence[Any]) -> Unread | None:
        """What a node puts out for a reader that has it made, or None."""
        name = self._readers.get(node.name)
        if name is None or torch.is_grad_enabled() or is_traced():
            return None
        reader = self.layers[name]
        # What wraps a layer, as FSDP does, prepares it in its own forward pass.
        are_ours = isinstance(layer, Layer) and isinstance(reader, Layer)
        return layer.unread(*entering) if are_ours and reader.reads_unread else None

    def _values(self, node: Node, outputs: Sequence[Masked]) -> list[Tensor]:
        """A node's outputs; those of the last are what the activation makes of the logits."""
        values = [output.values for output in outputs]
        if node.name in self.spec.outputs:
            values[0] = self.activate(values[0], self.spec.outputs.index(node.name))
        return values

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
        for layer in self.modules():
            if isinstance(layer, RecurrentLayer):
                layer.reset_states()

    def activate(self, logits: Tensor, output: int = 0) -> Tensor:
        """An output's activation: what the Keras twin returns."""
        return ACTIVATIONS[self.output_activations[output]](logits)


def only_readers(spec: ModelSpec) -> dict[str, str]:
    """By name of a node that of the only layer that sees its output, where that is a recurrent one.

    Nobody else may want the output: neither the caller, nor a penalty.
    """
    readers = {}
    for node in spec.nodes:
        reading = [one for one in spec.nodes for name in one.inputs if name == node.name]
        is_wanted = node.name in spec.outputs or node.layer.activity_regularizer is not None
        if len(reading) == 1 and not is_wanted:
            (reader,) = reading
            kinds = Recurrent | RecurrentStack | Bidirectional
            if isinstance(reader.layer, kinds) and reader.inputs[0] == node.name:
                readers[node.name] = reader.shares or reader.name
    return readers


def split_activations(spec: ModelSpec) -> tuple[tuple[str, ...], dict[str, LayerSpec]]:
    """Each output's activation, and by name of its node the layer without it.

    An output that another node takes, or whose layer computes another one too, keeps its activation
    inside: its own is then ``"linear"``.
    """
    taken = {name for node in spec.nodes for name in node.inputs}
    owners = {node.shares for node in spec.nodes}
    by_name = {node.name: node for node in spec.nodes}
    activations, without = [], {}
    for output in spec.outputs:
        node = by_name.get(output)
        if node is None or output in taken | owners or node.shares or output in without:
            activations.append("linear")
        else:
            activation, without[output] = _split_activation(node.layer)
            activations.append(activation)
    return tuple(activations), without


def output_activation(spec: ModelSpec) -> str:
    """Name of what turns a model's logits into its first output."""
    return split_activations(spec)[0][0]


def _split_activation(layer: LayerSpec) -> tuple[str, LayerSpec]:
    """A layer's activation, and the layer without it."""
    if isinstance(layer, Dense | Activation):
        return layer.activation, replace(layer, activation="linear")
    if layer == Softmax():
        return "softmax", Activation(activation="linear")
    if isinstance(layer, TimeDistributed):
        activation, inner = _split_activation(layer.layer)
        return activation, replace(layer, layer=inner)
    if isinstance(layer, Submodel) and len(layer.model.outputs) == 1:
        if regularizes_outputs(layer.model.output.layer):  # by what the activation makes
            return "linear", layer
        (activation,), without = split_activations(layer.model)
        nodes = (
            replace(node, layer=without.get(node.name, node.layer)) for node in layer.model.nodes
        )
        return activation, replace(layer, model=replace(layer.model, nodes=tuple(nodes)))
    return "linear", layer
