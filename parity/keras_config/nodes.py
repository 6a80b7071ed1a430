"""A Keras model's config becomes a list of calls with their inputs and masks, without Keras."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from birnn_lightning.nn.specs import reference
from parity.keras_config.recurrent import RECURRENT_CLASSES
from parity.results import ParityUnavailable


@dataclass(frozen=True, kw_only=True)
class KerasNode:
    """One layer of a Keras model.

    Attributes:
        name: the layer's name.
        class_name: the layer's class.
        config: its settings.
        inputs: references to the outputs that it takes; a recurrent layer's initial states last.
        constants: the other positional arguments, e.g. the number of a comparison.
        masks: for each input the name of the layer whose output is its mask, or None; None where
            the config names no mask, so that Keras hands on the one that the inputs carry.
        module: where the class is defined; None where the config does not say.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    constants: tuple[Any, ...] = ()
    masks: tuple[str | None, ...] | None = None
    module: str | None = None


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
                name=settings["name"],
                class_name=layer["class_name"],
                config=settings,
                inputs=before,
                module=layer.get("module"),
            )
        )
    return nodes


def functional_nodes(config: Mapping[str, Any]) -> list[KerasNode]:
    """The layers of a functional model's config, in an order in which they can be computed."""
    return [_functional_node(layer) for layer in config["layers"]]


def input_names(config: Mapping[str, Any]) -> list[str]:
    """Names of a functional model's inputs, in the order in which it takes them."""
    return list(_references(config["input_layers"]))


def output_name(config: Mapping[str, Any]) -> str:
    """Name of the layer whose output is a functional model's; raises where there are several."""
    names = list(_references(config["output_layers"]))
    if len(names) != 1:
        raise ParityUnavailable(f"the model has {len(names)} outputs; one is supported.")
    if ":" in names[0]:
        raise ParityUnavailable(
            f"the model's output is {names[0]!r}, not the first output of its layer. Only a first "
            "one is supported; pass it through a layer such as Activation('linear')."
        )
    return names[0]


def _references(value: Any) -> Iterator[str]:
    """Layer names in a nest of ``[layer, call, output]``, dicts sorted by key as in Keras."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _references(value[key])
    elif len(value) == 3 and isinstance(value[0], str):
        yield _output(value, "the model")
    else:
        for part in value:
            yield from _references(part)


def _functional_node(layer: Mapping[str, Any]) -> KerasNode:
    name, calls = layer["name"], layer["inbound_nodes"]
    if len(calls) > 1:
        raise ParityUnavailable(f"layer {name!r} is called {len(calls)} times, not supported.")
    arguments = calls[0] if calls else {"args": [], "kwargs": {}}
    kwargs = dict(arguments["kwargs"])
    mask = kwargs.pop("mask", None)
    states = kwargs.pop("initial_state", None)
    if layer["class_name"] in RECURRENT_CLASSES:
        _check_states(name, arguments["args"], states)
    for argument, value in kwargs.items():
        if list(_tensor_sources(value, name)):
            raise ParityUnavailable(f"layer {name!r}: a tensor as {argument} is not supported.")
        if value not in (None, False):
            raise ParityUnavailable(
                f"layer {name!r} is called with {argument}={value!r}, not supported."
            )
    return KerasNode(
        name=name,
        class_name=layer["class_name"],
        config=layer["config"],
        inputs=tuple(_tensor_sources([arguments["args"], states], name)),
        constants=tuple(
            value
            for value in arguments["args"]
            if value is not None and not list(_tensor_sources(value, name))
        ),
        masks=None if mask is None else tuple(_mask_sources(mask, name)),
        module=layer.get("module"),
    )


def _check_states(name: str, args: Sequence[Any], states: Any) -> None:
    """Raises for initial states that are no tensors of the model, and for a mask by position."""
    for part in states if isinstance(states, list | tuple) else [states]:
        if part is not None and not list(_tensor_sources(part, name)):
            raise ParityUnavailable(
                f"layer {name!r} is called with initial_state={part!r}, not supported. Supported: "
                "outputs of other layers and inputs of the model."
            )
    tensors = [bool(list(_tensor_sources(value, name))) for value in args]
    if (None in args and any(tensors[list(args).index(None) :])) or sum(tensors) > 2:
        last = len(tensors) - tensors[::-1].index(True)
        raise ParityUnavailable(
            f"layer {name!r} is called with a tensor as argument {last} by position, not supported."
            " Name it: mask=... or initial_state=..."
        )


def _mask_sources(value: Any, layer: str) -> Iterator[str | None]:
    """The source of each mask of a ``mask`` argument, None where there is none."""
    for part in value if isinstance(value, list | tuple) else [value]:
        sources = list(_tensor_sources(part, layer))
        if part is not None and len(sources) != 1:
            raise ParityUnavailable(f"layer {layer!r}: its mask is no tensor of the model.")
        yield sources[0] if sources else None


def _tensor_sources(value: Any, layer: str) -> Iterator[str]:
    """References to the outputs that occur in a serialized argument."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield _output(value["config"]["keras_history"], f"layer {layer!r}")
        else:
            yield from _tensor_sources(list(value.values()), layer)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensor_sources(part, layer)


def _output(history: Any, taker: str) -> str:
    """The reference to an output of the only call of a layer."""
    source, node_index, tensor_index = history
    if node_index:
        raise ParityUnavailable(
            f"{taker} takes an output of call {node_index} of {source!r}; only layers called once "
            "are supported."
        )
    return reference(source, tensor_index)
