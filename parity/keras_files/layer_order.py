"""The layers of a functional config stand in the order in which Keras numbers their weights.

Keras's weight files count layers of one class (``lstm``, ``lstm_1``), so a layer's place decides
which weights it gets. Keras finds the order in the graph alone: by depth, then by the order of a
walk from the outputs (``keras/src/ops/function.py: map_graph``, Keras 3.15.1).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Call = tuple[str, int]
"""A layer's name, and which of its calls."""


def in_keras_order(
    layers: Mapping[str, dict[str, Any]], outputs: Sequence[Call]
) -> list[dict[str, Any]]:
    """The layers' entries, ordered.

    Args:
        layers: a functional config's entries by name; inputs without a taker are among them.
        outputs: the calls whose results are the model's.
    """
    walked, first_seen = _walk(layers, outputs)
    depth_of_call: dict[Call, int] = {}
    depth_of_layer: dict[str, int] = {}
    for call in reversed(walked):
        depth = max(depth_of_call.get(call, 0), depth_of_layer.get(call[0], 0))
        depth_of_layer[call[0]] = depth_of_call[call] = depth
        for parent in _parents(layers, call):
            depth_of_call[parent] = max(depth + 1, depth_of_call.get(parent, 0))
    for name in layers:
        if name not in depth_of_layer:  # an input that nothing is computed from
            depth_of_layer[name], first_seen[name] = 0, -1
    ordered = sorted(depth_of_layer, key=lambda name: (-depth_of_layer[name], first_seen[name]))
    return [layers[name] for name in ordered]


def tensors(value: Any) -> Iterator[tuple[str, int, int]]:
    """Layer, call and output of every tensor in serialized arguments, dicts sorted by key."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            name, call, output = value["config"]["keras_history"]
            yield name, call, output
        else:
            for key in sorted(value):
                yield from tensors(value[key])
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)


def _parents(layers: Mapping[str, dict[str, Any]], call: Call) -> list[Call]:
    name, index = call
    nodes = layers[name]["inbound_nodes"]
    if not nodes:
        return []
    node = nodes[index]
    return [one[:2] for one in tensors([node["args"], node["kwargs"]])]


def _walk(
    layers: Mapping[str, dict[str, Any]], outputs: Sequence[Call]
) -> tuple[list[Call], dict[str, int]]:
    """Calls after the calls they take from; and when each layer was come upon, outputs first."""
    finished: dict[Call, None] = {}
    first_seen: dict[str, int] = {}
    for output in outputs:
        path: list[tuple[Call, Iterator[Call]]] = []
        _enter(layers, output, path, finished, first_seen)
        while path:
            call, parents = path[-1]
            parent = next(parents, None)
            if parent is None:
                path.pop()
                finished[call] = None
            else:
                _enter(layers, parent, path, finished, first_seen)
    return list(finished), first_seen


def _enter(
    layers: Mapping[str, dict[str, Any]],
    call: Call,
    path: list[tuple[Call, Iterator[Call]]],
    finished: Mapping[Call, None],
    first_seen: dict[str, int],
) -> None:
    if call not in finished:
        first_seen.setdefault(call[0], len(first_seen))
        path.append((call, iter(_parents(layers, call))))
