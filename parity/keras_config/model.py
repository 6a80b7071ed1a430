"""A Keras model's config becomes a model spec; nothing here needs Keras."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from birnn_lightning.losses import Task
from birnn_lightning.nn import specs
from birnn_lightning.nn.model import output_activation
from birnn_lightning.nn.specs import LayerSpec, ModelSpec, Node
from parity.keras_config.masks import check_masks, mask_inputs
from parity.keras_config.nodes import (
    KerasNode,
    functional_nodes,
    input_names,
    output_name,
    sequential_nodes,
)
from parity.keras_config.table import layer_spec
from parity.results import ParityUnavailable

PRECISIONS = ("float32", "float64")
LAYER_MODULES = ("keras.layers", "keras.src.layers")


def model_spec(class_name: str, config: Mapping[str, Any]) -> ModelSpec:
    """The spec of a Keras model.

    Args:
        class_name: ``"Sequential"`` or ``"Functional"``.
        config: what the model's ``get_config`` returns.

    Raises:
        ParityUnavailable: something that a spec cannot express; the message names it.
    """
    if class_name == "Sequential":
        every = nodes = sequential_nodes(config)
    elif class_name in ("Functional", "Model"):
        every = functional_nodes(config)
        nodes = _needed(every, input_names(config), output_name(config))
    else:
        raise ParityUnavailable(
            f"a Keras model of class {class_name} is not supported. Use Sequential or functional."
        )
    layers = {node.name: _layer(node) for node in nodes if node.class_name != "InputLayer"}
    by_name = {node.name: node for node in every}
    if class_name != "Sequential":
        _check_inputs(nodes, by_name, input_names(config))
    check_masks(nodes, by_name)
    precision = _precision(nodes)
    try:
        return ModelSpec(
            tuple(
                Node(name=node.name, layer=layers[node.name], inputs=node.inputs)
                if node.name in layers
                else Node(name=node.name, layer=_input(node, nodes, precision))
                for node in nodes
            )
        )
    except ValueError as error:
        raise ParityUnavailable(str(error)) from None


def task_of(spec: ModelSpec) -> Task:
    """The task that a model's last activation stands for; regression where it stands for none."""
    activation = output_activation(spec)
    if activation == "softmax":
        return "multiclass"
    if activation == "sigmoid":
        return "binary" if spec.shapes()[spec.output.name][-1] == 1 else "multilabel"
    return "regression"


def _needed(nodes: Sequence[KerasNode], inputs: Sequence[str], output: str) -> list[KerasNode]:
    """The nodes from which the output is computed: the inputs in the model's order, output last.

    Masks are derived, not computed, so what computes them is left out.
    """
    by_name = {node.name: node for node in nodes}
    needed, frontier = set(), [output]
    while frontier:
        name = frontier.pop()
        if name not in needed:
            needed.add(name)
            frontier.extend(source.split(":")[0] for source in by_name[name].inputs)
    used = [name for name in inputs if name in needed]
    inner = [node for node in nodes if node.name in needed - {*used, output}]
    return [*(by_name[name] for name in used if name != output), *inner, by_name[output]]


def _check_inputs(
    nodes: Sequence[KerasNode], by_name: Mapping[str, KerasNode], inputs: Sequence[str]
) -> None:
    """Raises unless the model takes what it computes from, then perhaps a mask."""
    used = [node.name for node in nodes if node.class_name == "InputLayer"]
    masks = mask_inputs(nodes, by_name)
    if [*used, *masks] != list(inputs) or len(masks) > 1:
        raise ParityUnavailable(
            f"the model takes {', '.join(inputs)}; it computes from {', '.join(used)}, and "
            f"{', '.join(masks) or 'no input'} is a mask. Supported: the inputs that it computes "
            "from, then at most one mask."
        )


def _precision(nodes: Sequence[KerasNode]) -> str:
    """The dtype of every layer; raises ParityUnavailable unless they share a supported one."""
    common = None
    for node in nodes:
        if node.class_name == "InputLayer":
            continue
        for precision in _policies(node.config):
            common = common or precision
            if precision not in PRECISIONS or precision != common:
                raise ParityUnavailable(
                    f"layer {node.name!r}: dtype {precision!r} is not supported here. Every layer "
                    "must be float32, or every layer float64, inside Bidirectional too."
                )
    return common or "float32"


def _policies(config: Mapping[str, Any]) -> Iterator[str]:
    """Names of the dtype policies of a layer and of those inside it."""
    for key, value in config.items():
        if key == "dtype" and value is not None:
            is_name = isinstance(value, str)
            yield value if is_name else value["config"].get("name", value["class_name"])
        elif key in ("layer", "backward_layer", "cell") and value:
            yield from _policies(value["config"])
        elif key == "cells":
            for cell in value or ():
                yield from _policies(cell["config"])


def _layer(node: KerasNode) -> LayerSpec:
    if node.module is not None and not node.module.startswith(LAYER_MODULES):
        raise ParityUnavailable(
            f"layer {node.name!r} of class {node.class_name} is not supported: it is one of "
            f"{node.module}, where masks are not handed on. Use a layer of keras.layers."
        )
    try:
        layer = layer_spec(node.class_name, node.config)
    except ValueError as error:
        raise ParityUnavailable(f"layer {node.name!r}: {error}") from None
    counts = layer.input_counts()
    if (counts and len(node.inputs) not in counts) or node.constants:
        raise ParityUnavailable(
            f"layer {node.name!r} is called with {len(node.inputs)} tensors and "
            f"{len(node.constants)} other positional arguments; supported: "
            f"{' or '.join(map(str, counts)) or 'any number'} and 0."
        )
    return layer


def _input(node: KerasNode, nodes: Sequence[KerasNode], precision: str) -> specs.Input:
    shape = node.config.get("batch_shape") or node.config.get("batch_input_shape")
    if shape is None:
        raise ParityUnavailable(f"input {node.name!r} has no shape.")
    takers = {other.class_name for other in nodes if node.name in other.inputs}
    # Keras's own default for an input is float32, also where tokens enter an embedding.
    is_tokens = takers == {"Embedding"}
    dtype = node.config.get("dtype") or precision
    if not is_tokens and dtype not in (precision, "float64"):
        raise ParityUnavailable(
            f"input {node.name!r}: dtype {dtype!r} is not supported here. Features must be "
            f"{precision}, as the layers are; tokens enter an Embedding and nothing else."
        )
    return specs.Input(shape=tuple(shape[1:]), dtype="int64" if is_tokens else "float")
