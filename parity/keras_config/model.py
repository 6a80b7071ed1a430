"""A Keras model's config becomes a model spec; nothing here needs Keras."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from birnn_lightning.losses import Task
from birnn_lightning.nn import specs
from birnn_lightning.nn.model import output_activation
from birnn_lightning.nn.specs import LayerSpec, ModelSpec, Node
from birnn_lightning.nn.specs.custom import CUSTOM_LAYERS
from parity.keras_config.calls import KerasGraph, KerasNode, holds_tensors
from parity.keras_config.masks import check_masks, mask_inputs
from parity.keras_config.nodes import MODEL_CLASSES, model_graph, needed
from parity.keras_config.operations import is_operation, operation_spec
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
    graph = model_graph(class_name, config)
    masks = mask_inputs(graph)
    _check_inputs(graph, masks)
    spec = _spec(graph, [name for name in graph.inputs if name not in masks])
    check_masks(graph)
    return spec


def _spec(graph: KerasGraph, inputs: Sequence[str]) -> ModelSpec:
    """The spec of a graph that takes these inputs."""
    nodes = needed(graph, inputs)
    layers = {node.name: read_node(node) for node in nodes if node.class_name != "InputLayer"}
    precision = _precision(nodes)
    try:
        return ModelSpec(
            tuple(
                Node(
                    name=node.name,
                    layer=layers[node.name],
                    inputs=node.inputs,
                    shares=node.shares,
                )
                if node.name in layers
                else Node(name=node.name, layer=_input(node, nodes, precision))
                for node in nodes
            ),
            graph.outputs,
        )
    except ValueError as error:
        raise ParityUnavailable(str(error)) from None


def task_of(spec: ModelSpec) -> Task:
    """The task that a model's last activation stands for; regression where it stands for none."""
    activation = output_activation(spec)
    if activation == "softmax":
        return "multiclass"
    if activation == "sigmoid":
        return "binary" if spec.shapes()[spec.outputs[0]][-1] == 1 else "multilabel"
    return "regression"


def _check_inputs(graph: KerasGraph, masks: Sequence[str]) -> None:
    """Raises unless at most one input is a mask, the last one."""
    if len(masks) > 1 or (masks and masks[0] != graph.inputs[-1]):
        raise ParityUnavailable(
            f"the model takes {', '.join(graph.inputs)}; of these {', '.join(masks)} is a mask. "
            "Supported: any number of inputs, then at most one mask."
        )


def _precision(nodes: Sequence[KerasNode]) -> str:
    """The dtype of every layer; raises ParityUnavailable unless they share a supported one."""
    common = None
    for node in nodes:
        if node.class_name == "InputLayer" or is_operation(
            node.class_name, node.config, node.module
        ):
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
        if key == "dtype" and value is not None and "layers" not in config:  # a model has none
            is_name = isinstance(value, str)
            yield value if is_name else value["config"].get("name", value["class_name"])
        elif key in ("layer", "backward_layer", "cell") and value:
            yield from _policies(value["config"])
        elif key in ("cells", "layers"):
            for part in value or ():
                module = part.get("module")
                inner = part["config"]
                if part["class_name"] != "InputLayer" and not is_operation(
                    part["class_name"], inner, module
                ):
                    yield from _policies(part["config"])


def read_node(node: KerasNode) -> LayerSpec:
    """The spec of what a node computes; raises ParityUnavailable where there is none."""
    if is_operation(node.class_name, node.config, node.module):
        return operation_spec(node.class_name, node.config, node.arguments, node.keywords)
    if not _is_known(node):
        raise ParityUnavailable(
            f"layer {node.name!r} is of the custom class {node.class_name} (module "
            f"{node.module!r}). Say what computes it: custom_layers={{{node.class_name!r}: "
            "birnn_lightning.CustomLayer(...)}."
        )
    try:
        layer = read_layer(node.class_name, node.config)
    except ValueError as error:
        raise ParityUnavailable(f"layer {node.name!r}: {error}") from None
    _check_call(node, layer)
    return layer


def _is_known(node: KerasNode) -> bool:
    """Whether a node is of a class of Keras, or of one that was registered."""
    if node.module is None or node.class_name in CUSTOM_LAYERS:
        return True
    if node.class_name in MODEL_CLASSES:
        return node.module.split(".")[0] == "keras"
    return node.module.startswith(LAYER_MODULES)


def read_layer(class_name: str, config: Mapping[str, Any]) -> LayerSpec:
    """The spec of a Keras layer, which may be a model or have one inside.

    Raises:
        ParityUnavailable: a layer or a setting that is not supported; the message names it.
        ValueError: settings that do not go together.
    """
    if class_name in MODEL_CLASSES:
        graph = model_graph(class_name, config)
        return specs.Submodel(model=_spec(graph, graph.inputs))
    return layer_spec(class_name, config, read_layer)


def _check_call(node: KerasNode, layer: LayerSpec) -> None:
    """Raises unless the layer is called with tensors alone, and as many as it takes."""
    for argument, value in node.keywords.items():
        if argument == "initial_state":
            continue
        if holds_tensors(value):
            raise ParityUnavailable(
                f"layer {node.name!r}: a tensor as {argument} is not supported."
            )
        if value not in (None, False):
            raise ParityUnavailable(
                f"layer {node.name!r} is called with {argument}={value!r}, not supported."
            )
    counts = layer.input_counts()
    if (counts and len(node.inputs) not in counts) or node.constants:
        raise ParityUnavailable(
            f"layer {node.name!r} is called with {len(node.inputs)} tensors and "
            f"{len(node.constants)} other positional arguments; supported: "
            f"{' or '.join(map(str, counts)) or 'any number'} and 0."
        )


def _input(node: KerasNode, nodes: Sequence[KerasNode], precision: str) -> specs.Input:
    shape = node.config.get("batch_shape") or node.config.get("batch_input_shape")
    if shape is None:
        raise ParityUnavailable(f"input {node.name!r} has no shape.")
    is_tokens = feeds_embedding(node.name, nodes)
    # Keras's own default for an input is float32, also where tokens enter an embedding.
    dtype = node.config.get("dtype") or precision
    if not is_tokens and dtype not in (precision, "float64"):
        raise ParityUnavailable(
            f"input {node.name!r}: dtype {dtype!r} is not supported here. Features must be "
            f"{precision}, as the layers are; tokens enter an Embedding and nothing else."
        )
    return specs.Input(shape=tuple(shape[1:]), dtype="int64" if is_tokens else "float")


MOVES = ("Reshape", "Flatten", "Permute", "RepeatVector", "Cropping1D", "ZeroPadding1D")
"""Layers that only move numbers, so that tokens stay tokens."""


def feeds_embedding(name: str, nodes: Sequence[KerasNode]) -> bool:
    """Whether what a node puts out is looked up in an embedding."""
    takers = [node for node in nodes if name in node.inputs]
    return any(_looks_up(node, node.inputs.index(name), nodes) for node in takers)


def _looks_up(node: KerasNode, index: int, nodes: Sequence[KerasNode]) -> bool:
    """Whether a node looks its input ``index`` up, or hands it to one that does."""
    if node.class_name in MODEL_CLASSES:
        graph = model_graph(node.class_name, node.config)
        return feeds_embedding(graph.inputs[index], graph.nodes)
    if node.class_name == "TimeDistributed":
        inner = node.config["layer"]
        layer = KerasNode(
            name=node.name, class_name=inner["class_name"], config=inner["config"], inputs=("",)
        )
        return _looks_up(layer, 0, ())
    if node.class_name in MOVES or is_operation(node.class_name, node.config, node.module):
        return feeds_embedding(node.name, nodes)
    return node.class_name == "Embedding"
