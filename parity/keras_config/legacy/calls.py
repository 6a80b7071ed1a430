"""The calls of a layer in a graph, of any version, become positional and named arguments."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from parity.keras_config.legacy.checks import (
    integer,
    is_reference,
    listing,
    malformed,
    mapping,
    text,
)

Call: TypeAlias = dict[str, Any]
"""``{"args": [...], "kwargs": {...}}``, as Keras 3 writes a call."""
History: TypeAlias = tuple[str, int, int]
CONSTANT = "_CONSTANT_VALUE"


def tensor(layer: str, call: int, output: int) -> dict[str, Any]:
    """A reference to a layer's output."""
    return {
        "class_name": "__keras_tensor__",
        "config": {"keras_history": [layer, call, output]},
    }


def is_tensor(value: Any) -> bool:
    """Whether a value is a reference to a layer's output."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def history(value: dict[str, Any]) -> History:
    """Layer, call and output that a reference names."""
    config = mapping(value.get("config"), "the config of a tensor")
    if not is_reference(config.get("keras_history")):
        raise malformed("a tensor's keras_history", config.get("keras_history"), "[layer, 0, 0]")
    layer, call, output = config["keras_history"]
    return text(layer, "a tensor's layer"), integer(call, "a call"), integer(output, "an output")


def normalized_calls(inbound: Any, what: str) -> list[Call]:
    """Every call of a layer.

    Args:
        inbound: the layer's ``inbound_nodes``.
        what: the layer, for errors.
    """
    return [_call(node, what) for node in listing(inbound, f"{what}: inbound_nodes")]


def _call(node: Any, what: str) -> Call:
    if isinstance(node, dict) and "args" in node:
        kwargs = mapping(node.get("kwargs", {}), f"{what}: the named arguments of a call")
        return {"args": listing(node["args"], f"{what}: the arguments of a call"), "kwargs": kwargs}
    references = list(_references(node))
    if not references:
        raise malformed(f"{what}: a call", node, "a list of [layer, call, output]")
    given = next((one[3] for one in references if len(one) == 4), {})
    kwargs = mapping(given, f"{what}: the named arguments of a call")
    inputs = _inputs(node, what)
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    return {
        "args": [inputs],
        "kwargs": {name: _argument(value) for name, value in kwargs.items()},
    }


def _references(node: Any) -> Iterator[Any]:
    """Every tensor and constant of a call of Keras 1 or 2."""
    if is_reference(node) or _is_constant(node):
        yield node
    elif isinstance(node, dict):
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)


def _is_constant(node: Any) -> bool:
    """Whether it is ``["_CONSTANT_VALUE", -1, value]``, perhaps with the arguments of a call."""
    return isinstance(node, list) and len(node) in (3, 4) and node[0] == CONSTANT


def _inputs(node: Any, what: str) -> Any:
    """A nest of references as a nest of tensors."""
    if _is_constant(node):
        return node[2]
    if is_reference(node):
        return tensor(*node[:3])
    if isinstance(node, dict):
        return {name: _inputs(part, what) for name, part in node.items()}
    if isinstance(node, list):
        return [_inputs(part, what) for part in node]
    raise malformed(f"{what}: an input", node, "[layer, call, output]")


def _argument(value: Any) -> Any:
    """A named argument, in which tensors stand as ``[layer, call, output]``."""
    if _is_constant(value):
        return value[2]
    if is_reference(value) and len(value) == 3:
        return tensor(*value)
    if isinstance(value, list):
        return [_argument(part) for part in value]
    if isinstance(value, dict) and not is_tensor(value):
        return {name: _argument(part) for name, part in value.items()}
    return value


def mapped(value: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """A nest of arguments in which every tensor is changed."""
    if is_tensor(value):
        return change(value)
    if isinstance(value, dict):
        return {name: mapped(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [mapped(part, change) for part in value]
    return value


def tensors(value: Any) -> Iterator[History]:
    """Layer, call and output of every tensor in a nest of arguments."""
    if is_tensor(value):
        yield history(value)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, list):
        for part in value:
            yield from tensors(part)
