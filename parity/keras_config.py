"""A Keras model's config becomes a model spec; nothing here needs Keras."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from birnn_lightning.losses import Task
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity.layer_table import layer_spec
from parity.results import ParityUnavailable

MASK_OPERATIONS = ("NotEqual", "Any")


@dataclass(frozen=True, kw_only=True)
class KerasNode:
    """One layer of a functional config.

    Attributes:
        name: the layer's name.
        class_name: the layer's class.
        config: its settings.
        inputs: names of the layers whose output it takes.
        constants: the other positional arguments, e.g. the number of a comparison.
        mask_inputs: names of the layers whose output is its mask.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    constants: tuple[Any, ...] = ()
    mask_inputs: tuple[str, ...] = ()


def model_spec(class_name: str, config: Mapping[str, Any]) -> ModelSpec:
    """The spec of a Keras model.

    Args:
        class_name: ``"Sequential"`` or ``"Functional"``.
        config: what the model's ``get_config`` returns.

    Raises:
        ParityUnavailable: something that a spec cannot express; the message names it.
    """
    if class_name == "Sequential":
        nodes = list(_sequential_nodes(config))
    elif class_name in ("Functional", "Model"):
        nodes = _needed(list(_functional_nodes(config)), _output_name(config))
    else:
        raise ParityUnavailable(
            f"a Keras model of class {class_name} is not supported. Use Sequential or functional."
        )
    try:
        return ModelSpec(tuple(_spec_node(node, nodes) for node in nodes))
    except ValueError as error:
        raise ParityUnavailable(str(error)) from None


def task_of(spec: ModelSpec) -> Task:
    """The task that a model's last activation stands for; regression where it stands for none."""
    last = spec.output.layer
    if isinstance(last, specs.Dense):
        if last.activation == "softmax":
            return "multiclass"
        if last.activation == "sigmoid":
            return "binary" if last.units == 1 else "multilabel"
    return "regression"


def _sequential_nodes(config: Mapping[str, Any]) -> Iterator[KerasNode]:
    layers = list(config["layers"])
    if layers and layers[0]["class_name"] != "InputLayer":
        shape = config.get("build_input_shape") or layers[0]["config"].get("batch_input_shape")
        if shape is None:
            raise ParityUnavailable("a Sequential model must be built; call model.build(shape).")
        layers.insert(
            0, {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": shape}}
        )
    before: tuple[str, ...] = ()
    for layer in layers:
        name = layer["config"]["name"]
        yield KerasNode(
            name=name, class_name=layer["class_name"], config=layer["config"], inputs=before
        )
        before = (name,)


def _functional_nodes(config: Mapping[str, Any]) -> Iterator[KerasNode]:
    for layer in config["layers"]:
        name, calls = layer["name"], layer["inbound_nodes"]
        if len(calls) > 1:
            raise ParityUnavailable(f"layer {name!r} is called {len(calls)} times, not supported.")
        arguments = calls[0] if calls else {"args": [], "kwargs": {}}
        kwargs = dict(arguments["kwargs"])
        mask_inputs = tuple(_tensor_sources(kwargs.pop("mask", None), name))
        training = kwargs.pop("training", None)
        if training:
            raise ParityUnavailable(f"layer {name!r} is called with training=True, not supported.")
        for argument, value in kwargs.items():
            if list(_tensor_sources(value, name)):
                raise ParityUnavailable(f"layer {name!r}: a tensor as {argument} is not supported.")
        yield KerasNode(
            name=name,
            class_name=layer["class_name"],
            config=layer["config"],
            inputs=tuple(_tensor_sources(arguments["args"], name)),
            constants=tuple(a for a in arguments["args"] if not isinstance(a, dict | list)),
            mask_inputs=mask_inputs,
        )


def _tensor_sources(value: Any, layer: str) -> Iterator[str]:
    """Names of the layers whose outputs occur in a serialized argument."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            source, node_index, tensor_index = value["config"]["keras_history"]
            if node_index or tensor_index:
                raise ParityUnavailable(
                    f"layer {layer!r} takes output {tensor_index} of call {node_index} of "
                    f"{source!r}; only first outputs of layers called once are supported."
                )
            yield source
        else:
            yield from _tensor_sources(list(value.values()), layer)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensor_sources(part, layer)


def _output_name(config: Mapping[str, Any]) -> str:
    outputs = config["output_layers"]
    if outputs and isinstance(outputs[0], list):
        if len(outputs) > 1:
            raise ParityUnavailable(f"the model has {len(outputs)} outputs; one is supported.")
        (outputs,) = outputs
    return outputs[0]


def _needed(nodes: list[KerasNode], output: str) -> list[KerasNode]:
    """The nodes from which the output is computed, ending with it; masks are derived, not computed.

    Raises:
        ParityUnavailable: a mask is not the one that the layers themselves derive.
    """
    by_name = {node.name: node for node in nodes}
    needed, frontier = set(), [output]
    while frontier:
        name = frontier.pop()
        if name not in needed:
            needed.add(name)
            frontier.extend(by_name[name].inputs)
    kept = [node for node in nodes if node.name in needed and node.name != output]
    kept.append(by_name[output])
    for node in kept:
        for source in node.mask_inputs:
            if not _is_derived_mask(by_name[source], by_name, kept):
                raise ParityUnavailable(
                    f"layer {node.name!r}: its mask {source!r} is not one that an Embedding or a "
                    "Masking layer derives, nor an input of its own."
                )
    return kept


def _is_derived_mask(
    mask: KerasNode, by_name: Mapping[str, KerasNode], kept: list[KerasNode]
) -> bool:
    """Whether a mask is an input of the model, or what Embedding or Masking compute from theirs."""
    if mask.class_name == "InputLayer":
        return mask not in kept
    if mask.class_name == "Any":
        mask = by_name[mask.inputs[0]]
        wanted = ("Masking", "mask_value")
    else:
        wanted = ("Embedding", "mask_zero")
    if mask.class_name != "NotEqual" or not mask.constants:
        return False
    for node in kept:
        if node.class_name == wanted[0] and node.inputs == mask.inputs:
            setting = node.config.get(wanted[1])
            value = 0 if setting is True else setting
            if setting is not False and value == mask.constants[0]:
                return True
    return False


def _spec_node(node: KerasNode, nodes: list[KerasNode]) -> Node:
    if node.class_name != "InputLayer":
        layer = layer_spec(node.class_name, node.config)
        return Node(name=node.name, layer=layer, inputs=node.inputs)
    shape = node.config.get("batch_shape") or node.config.get("batch_input_shape")
    if shape is None:
        raise ParityUnavailable(f"input {node.name!r} has no shape.")
    takers = [other.class_name for other in nodes if node.name in other.inputs]
    # Keras's own default for an input is float32, also where tokens enter an embedding.
    is_tokens = "int" in str(node.config.get("dtype")) or set(takers) == {"Embedding"}
    return Node(
        name=node.name,
        layer=specs.Input(shape=tuple(shape[1:]), dtype="int64" if is_tokens else "float"),
    )
