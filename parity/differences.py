"""Where two arrays differ first, in the words of the layer that made them."""

from collections.abc import Mapping

import numpy as np

from birnn_lightning.nn.specs import (
    STATES,
    Bidirectional,
    LayerSpec,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
)
from parity.layout import Row, layer_rows, rows

Array = np.ndarray


def distance(first: Array, second: Array) -> Array:
    """Elementwise, 0 where both are NaN or the same infinity, NaN where only one of them is."""
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    return np.abs(np.where(same, 0, first) - np.where(same, 0, second))


def largest_difference(first: Array, second: Array) -> float:
    """The largest `distance`; NaN for arrays of different shapes."""
    if first.shape != second.shape:
        return float("nan")
    return float(np.max(distance(first, second), initial=0.0))


def exceeds(first: Array, second: Array, allowed: float) -> bool:
    """Whether arrays differ by more than allowed, or in shape."""
    return not largest_difference(first, second) <= allowed


def describe_output(spec: ModelSpec, name: str, ours: Array, theirs: Array, allowed: float) -> str:
    """Where an output of a node differs first: layer, tensor, step, direction, table rows.

    Args:
        spec: the model.
        name: reference of the output.
        ours: its values here.
        theirs: its values in Keras.
        allowed: by how much they may differ.
    """
    node = next(node for node in spec.nodes if node.name == name.split(":")[0])
    index = int(name.split(":")[1]) if ":" in name else 0
    tensor = tensor_name(node.layer, index)
    where = f"layer {node.name!r}, {tensor}"
    table = "; ".join(map(str, layer_rows(node.layer, node.name, f"layers.{node.name}")))
    quoted = f"Table: {table or 'it has no weights'}."
    if ours.shape != theirs.shape:
        return f"First in {where}: shapes {ours.shape} and {theirs.shape} in Keras. {quoted}"
    over = ~(distance(ours, theirs) <= allowed)
    position = _first(over, time_axis=over.ndim == 3)
    here = f"{ours[position]:.6g} is {theirs[position]:.6g} in Keras at {position}"
    step = f", first at time step {position[1]}" if over.ndim == 3 else ""
    side = _direction(node, index, over)
    return f"First in {where}{step}{side}: {here}. {quoted}"


def describe_gradient(
    spec: ModelSpec,
    ours: Mapping[str, Array],
    theirs: Mapping[str, Array],
    path: str,
    allowed: float,
) -> str:
    """Where a gradient differs: the array, its gates and its row of the table."""
    row = next((row for row in rows(spec) if row.keras == path), None)
    first, second = ours[path], theirs[path]
    if first.shape != second.shape:
        return f"gradient of {path}: shapes {first.shape} and {second.shape} in Keras."
    over = ~(distance(first, second) <= allowed)
    position = _first(over, time_axis=False)
    text = (
        f"gradient of {path}{gates_of(row, over)}: {first[position]:.6g} is "
        f"{second[position]:.6g} in Keras at {position}."
    )
    return f"{text} Table: {row}." if row else text


def gates_of(row: Row | None, over: Array) -> str:
    """Which gate blocks of a Keras array differ, e.g. ``", gates z and r"``; empty for no gates."""
    if row is None or len(row.keras_gates) < 2:
        return ""
    blocks = np.split(over, len(row.keras_gates), axis=-1)
    wrong = [gate for gate, block in zip(row.keras_gates, blocks, strict=True) if block.any()]
    return f", gate{'s' if len(wrong) > 1 else ''} {', '.join(wrong)}"


def tensor_name(layer: LayerSpec, index: int) -> str:
    """What output ``index`` of a layer is: ``"output"`` or e.g. ``"final state c, backward"``."""
    if isinstance(layer, Bidirectional):
        outputs = 1 if layer.merge_mode else 2
        if index < outputs:
            return "output" if outputs == 1 else f"output, {('forward', 'backward')[index]}"
        return _state_names(layer)[index - outputs]
    if isinstance(layer, Recurrent | RecurrentStack) and index:
        return _state_names(layer)[index - 1]
    return "output"


def _state_names(layer: Bidirectional | Recurrent | RecurrentStack) -> list[str]:
    directions = layer.directions if isinstance(layer, Bidirectional) else (layer,)
    names = []
    for direction, side in zip(directions, (", forward", ", backward"), strict=False):
        for level, cell in enumerate(direction.cells):
            of = f" of cell {level}" if len(direction.cells) > 1 else ""
            where = side if len(directions) > 1 else ""
            names.extend(f"final state {state}{of}{where}" for state in STATES[cell.cell])
    return names


def _direction(node: Node, index: int, over: Array) -> str:
    """The direction whose half of a concatenated output differs."""
    layer = node.layer
    if not isinstance(layer, Bidirectional) or index or layer.merge_mode != "concat":
        return ""
    size = layer.forward.cells[-1].hidden_size
    halves = {"forward": over[..., :size], "backward": over[..., size:]}
    return f", {' and '.join(name for name, half in halves.items() if half.any())} direction"


def _first(over: Array, time_axis: bool) -> tuple[int, ...]:
    """The first position that is over, in the order of time where there is a time axis."""
    ordered = np.moveaxis(over, 1, 0) if time_axis else over
    position = tuple(int(i) for i in np.unravel_index(int(np.argmax(ordered)), ordered.shape))
    return (position[1], position[0], *position[2:]) if time_axis else position
