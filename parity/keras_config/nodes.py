"""A Keras model's config becomes a list of calls with their inputs and masks, without Keras."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from birnn_lightning.nn.specs import reference
from parity.keras_config.calls import KerasGraph, KerasNode, TensorArgument
from parity.keras_config.names import module_name
from parity.keras_config.recurrent import RECURRENT_CLASSES
from parity.results import ParityUnavailable

MODEL_CLASSES = ("Sequential", "Functional", "Model")


def model_graph(class_name: str, config: Mapping[str, Any]) -> KerasGraph:
    """The graph of a Keras model of a class in `MODEL_CLASSES`; others raise ParityUnavailable."""
    if class_name not in MODEL_CLASSES:
        raise ParityUnavailable(
            f"a Keras model of class {class_name} is not supported. Use Sequential or functional."
        )
    return sequential_graph(config) if class_name == "Sequential" else functional_graph(config)


def needed(graph: KerasGraph, inputs: Sequence[str] = ()) -> list[KerasNode]:
    """The nodes from which the outputs are computed: the inputs in the model's order first.

    Masks are derived, not computed, so what computes them is left out.

    Args:
        graph: the model.
        inputs: names of inputs that are kept even where no output is computed from them.
    """
    by_name = {node.name: node for node in graph.nodes}
    found, frontier = set(inputs), [name.split(":")[0] for name in graph.outputs]
    while frontier:
        name = frontier.pop()
        if name not in found:
            found.add(name)
            frontier.extend(source.split(":")[0] for source in by_name[name].inputs)
            if by_name[name].shares:
                frontier.append(by_name[name].shares)
    used = [name for name in graph.inputs if name in found]
    inner = [node for node in graph.nodes if node.name in found.difference(used)]
    if graph.outputs[0] in (node.name for node in inner) and len(graph.outputs) == 1:
        inner.append(inner.pop([node.name for node in inner].index(graph.outputs[0])))
    return [*(by_name[name] for name in used), *inner]


def sequential_graph(config: Mapping[str, Any]) -> KerasGraph:
    """The graph of a Sequential model's config."""
    nodes = sequential_nodes(config)
    return KerasGraph(nodes=tuple(nodes), inputs=(nodes[0].name,), outputs=(nodes[-1].name,))


def sequential_nodes(config: Mapping[str, Any]) -> list[KerasNode]:
    """The layers of a Sequential model's config, its input first."""
    layers = list(config["layers"])
    if layers and layers[0]["class_name"] != "InputLayer":
        shape = config.get("build_input_shape") or layers[0]["config"].get("batch_input_shape")
        if shape is None:
            raise ParityUnavailable("a Sequential model must be built; call model.build(shape).")
        layers.insert(
            0, {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": shape}}
        )
    nodes: list[KerasNode] = []
    for layer in layers:
        settings = layer["config"]
        before = (nodes[-1].name,) if nodes else ()
        nodes.append(
            KerasNode(
                name=module_name(settings["name"]),
                class_name=layer["class_name"],
                config=settings,
                inputs=before,
                arguments=(TensorArgument(0),) if before else (),
                module=layer.get("module"),
            )
        )
    return nodes


Call: TypeAlias = tuple[str, int]
"""A layer's name and the number of its call."""


def functional_graph(config: Mapping[str, Any]) -> KerasGraph:
    """The graph of a functional model's config.

    Keras lists layers by depth, and their calls in the order in which they were made; neither is an
    order of computation where a layer is called twice.

    Raises:
        ParityUnavailable: a call that we cannot make; the message names the layer.
    """
    layers = {layer["name"]: layer for layer in config["layers"]}
    calls = {
        (name, index): call
        for name, layer in layers.items()
        for index, call in enumerate(layer["inbound_nodes"] or [{"args": [], "kwargs": {}}])
    }
    names: dict[Call, str] = {}
    taken = {module_name(name) for name in layers}
    for name, index in _ordered(calls):
        names[name, index] = _free_name(name, {*taken, *names.values()}, names)
    # Among the outputs Keras counts a functional model's calls from 1: 0 is its own making.
    ends = {
        (name, index + (layers[name]["class_name"] in ("Functional", "Model"))): own
        for (name, index), own in names.items()
    }
    return KerasGraph(
        nodes=tuple(_functional_node(layers[call[0]], calls[call], call, names) for call in names),
        inputs=tuple(_references(config["input_layers"], names)),
        outputs=tuple(_references(config["output_layers"], ends)),
    )


def _ordered(calls: Mapping[Call, Any]) -> list[Call]:
    """The calls, every one after those whose outputs it takes, and else as they stand."""
    sources = {call: list(_sources(arguments)) for call, arguments in calls.items()}
    done: dict[Call, None] = {}
    for first in calls:
        path = {first: None}
        while path:
            call = next(reversed(path))
            waiting = [source for source in sources[call] if source not in done]
            if not waiting:
                done[call] = path.pop(call)
            elif waiting[0] in path or waiting[0] not in calls:
                raise ParityUnavailable(
                    f"layer {call[0]!r} takes an output of call {waiting[0][1]} of "
                    f"{waiting[0][0]!r}, which is not there before it."
                )
            else:
                path[waiting[0]] = None
    return list(done)


def _sources(value: Any) -> Iterator[Call]:
    """The calls whose outputs occur in a serialized call."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            name, index, _ = value["config"]["keras_history"]
            yield name, index
        else:
            yield from _sources(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _sources(part)


def _free_name(layer: str, taken: Collection[str], named: Collection[Call]) -> str:
    """The layer's own name for the call that is computed first, else that and a free number."""
    number = sum(name == layer for name, _ in named) + 1
    own = module_name(layer)
    name = own if number == 1 else f"{own}_call_{number}"
    while number > 1 and name in taken:
        name += "_"
    return name


def _references(value: Any, names: Mapping[Call, str]) -> Iterator[str]:
    """The outputs in a nest of ``[layer, call, output]``, dicts sorted by key as in Keras."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _references(value[key], names)
    elif len(value) == 3 and isinstance(value[0], str):
        yield _output(value, "the model", names)
    else:
        for part in value:
            yield from _references(part, names)


def _functional_node(
    layer: Mapping[str, Any], arguments: Mapping[str, Any], call: Call, names: Mapping[Call, str]
) -> KerasNode:
    name, kwargs = layer["name"], dict(arguments["kwargs"])
    mask = kwargs.pop("mask", None)
    states = kwargs.get("initial_state")
    if layer["class_name"] in RECURRENT_CLASSES:
        _check_states(name, arguments["args"], states)
    inputs: list[str] = []

    def placed(value: Any) -> Any:
        """The value with a `TensorArgument` for every tensor, which becomes an input."""
        if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
            inputs.append(_output(value["config"]["keras_history"], f"layer {name!r}", names))
            return TensorArgument(len(inputs) - 1)
        if isinstance(value, Mapping):
            return {key: placed(part) for key, part in value.items()}
        return [placed(part) for part in value] if isinstance(value, list | tuple) else value

    own, owner = names[call], module_name(name)
    return KerasNode(
        name=own,
        class_name=layer["class_name"],
        config=layer["config"],
        arguments=tuple(placed(value) for value in arguments["args"]),
        keywords={key: placed(value) for key, value in kwargs.items()},
        inputs=tuple(inputs),
        masks=None if mask is None else tuple(_mask_sources(mask, name, names)),
        module=layer.get("module"),
        shares="" if own == owner else owner,
    )


def _check_states(name: str, args: Sequence[Any], states: Any) -> None:
    """Raises for initial states that are no tensors of the model, and for a mask by position."""
    for part in states if isinstance(states, list | tuple) else [states]:
        if part is not None and not list(_sources(part)):
            raise ParityUnavailable(
                f"layer {name!r} is called with initial_state={part!r}, not supported. Supported: "
                "outputs of other layers and inputs of the model."
            )
    tensors = [bool(list(_sources(value))) for value in args]
    if (None in args and any(tensors[list(args).index(None) :])) or sum(tensors) > 2:
        last = len(tensors) - tensors[::-1].index(True)
        raise ParityUnavailable(
            f"layer {name!r} is called with a tensor as argument {last} by position, not supported."
            " Name it: mask=... or initial_state=..."
        )


def _mask_sources(value: Any, layer: str, names: Mapping[Call, str]) -> Iterator[str | None]:
    """The source of each mask of a ``mask`` argument, None where there is none."""
    for part in value if isinstance(value, list | tuple) else [value]:
        if part is None:
            yield None
        elif isinstance(part, Mapping) and part.get("class_name") == "__keras_tensor__":
            yield _output(part["config"]["keras_history"], f"layer {layer!r}", names)
        else:
            raise ParityUnavailable(f"layer {layer!r}: its mask is no tensor of the model.")


def _output(history: Any, taker: str, names: Mapping[Call, str]) -> str:
    """The reference to an output of a call."""
    source, node_index, tensor_index = history
    if (source, node_index) not in names:
        raise ParityUnavailable(
            f"{taker} takes an output of call {node_index} of {source!r}, which is not there."
        )
    return reference(names[source, node_index], tensor_index)
