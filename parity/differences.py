"""Where two arrays differ first, in the words of the layer that made them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

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
    node, index = find_output(spec, name)
    tensor = tensor_name(node.layer, index)
    where = f"layer {node.name!r}, {tensor}"
    table = "; ".join(map(str, layer_rows(node.layer, node.name, f"layers.{node.name}")))
    quoted = f"Table: {table or 'it has no weights'}."
    if ours.shape != theirs.shape:
        return f"First in {where}: shapes {ours.shape} and {theirs.shape} in Keras. {quoted}"
    over = ~(distance(ours, theirs) <= allowed)
    sides = _directions(node, index, over)
    first = _first(over, *sides[0])
    here = f"{ours[first]:.6g} is {theirs[first]:.6g} in Keras at {first}"
    return f"First in {where}{_when(over, sides)}: {here}. {quoted}"


def describe_mask(spec: ModelSpec, name: str, ours: Array | None, theirs: Array | None) -> str:
    """Where the mask that travels with an output of a node differs first; see `describe_output`."""
    node, index = find_output(spec, name)
    where = f"layer {node.name!r}, mask of {tensor_name(node.layer, index)}"
    if ours is None or theirs is None:
        whose, other = ("ours", "Keras") if ours is None else ("Keras", "ours")
        return f"First in {where}: {whose} has none, {other} has one."
    if ours.shape != theirs.shape:
        return f"First in {where}: shapes {ours.shape} and {theirs.shape} in Keras."
    over = ours != theirs
    steps = over.any(axis=tuple(axis for axis in range(over.ndim) if axis != 1))
    first = (int(np.argmax(over[:, np.argmax(steps)].reshape(len(over), -1).any(1))), _step(steps))
    return (
        f"First in {where}, first at time step {first[1]}: {ours[first]} is {theirs[first]} in "
        f"Keras at {first}, where True means valid."
    )


def find_output(spec: ModelSpec, name: str) -> tuple[Node, int]:
    """The node that an output's reference names, and which of its outputs it is."""
    owner, _, index = name.partition(":")
    return next(node for node in spec.nodes if node.name == owner), int(index or 0)


def describe_weight(
    spec: ModelSpec, kind: str, path: str, ours: Array, theirs: Array, allowed: float
) -> str:
    """Where something that belongs to a weight differs first: its gates, its row of the table.

    Args:
        spec: the model.
        kind: what it is, e.g. ``"gradient"``.
        path: of the weight in Keras, or the name of an input.
        ours: its values here.
        theirs: its values in Keras.
        allowed: by how much they may differ.
    """
    row = next((row for row in rows(spec) if row.keras == path), None)
    table = f" Table: {row}." if row else ""
    if ours.shape != theirs.shape:
        return f"{kind} of {path}: shapes {ours.shape} and {theirs.shape} in Keras.{table}"
    over = ~(distance(ours, theirs) <= allowed)
    first = tuple(int(i) for i in np.unravel_index(int(np.argmax(over)), over.shape))
    return (
        f"{kind} of {path}{gates_of(row, over)}: {ours[first]:.6g} is {theirs[first]:.6g} in "
        f"Keras at {first}.{table}"
    )


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


Side = tuple[str, slice, bool]
"""A direction's name, its features in an output, and whether it reads the output from the end."""


def _directions(node: Node, index: int, over: Array) -> list[Side]:
    """The directions whose part of an output differs; all of it, unnamed, where they are merged."""
    layer, everything = node.layer, ("", slice(None), False)
    if not isinstance(layer, Bidirectional):
        return [everything]
    if layer.merge_mode is None and index < 2:
        return [("", slice(None), index == 1)]
    if layer.merge_mode != "concat" or index:
        return [everything]
    size = layer.forward.cells[-1].hidden_size
    halves = [("forward", slice(size), False), ("backward", slice(size, None), True)]
    return [side for side in halves if over[..., side[1]].any()]


def _when(over: Array, sides: Sequence[Side]) -> str:
    """Which directions differ, and at which time step each of them as it reads."""
    names = " and ".join(name for name, _, _ in sides if name)
    text = f", {names} direction{'s' if len(sides) > 1 else ''}" if names else ""
    if over.ndim != 3:
        return text
    steps = [str(_first(over, *side)[1]) for side in sides]
    if len(steps) > 1:
        return f"{text}, first at time steps {' and '.join(steps)}"
    return f"{text} first at time step {steps[0]}" if text else f", first at time step {steps[0]}"


def _first(over: Array, _: str, part: slice, backwards: bool) -> tuple[int, ...]:
    """The first position in a part of the features that is over, in the order of reading."""
    if over.ndim == 3:
        step = _step(over[..., part].any(axis=(0, 2)), backwards)
        rows = over[:, step, part]
    else:
        step, rows = None, over[..., part]
    position = [int(i) for i in np.unravel_index(int(np.argmax(rows)), rows.shape)]
    if position:
        position[-1] += part.start or 0
    return tuple(position) if step is None else (position[0], step, position[1])


def _step(steps: ArrayLike, backwards: bool = False) -> int:
    """The first True, or the last."""
    steps = np.asarray(steps)
    return int(len(steps) - 1 - np.argmax(steps[::-1]) if backwards else np.argmax(steps))
