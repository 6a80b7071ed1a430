"""A model's layers as people read them: one line each, in a table or as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from birnn_lightning.nn import SequenceModel, specs
from birnn_lightning.nn.specs import LayerSpec, ModelSpec, Node, Shape, Spec
from parity.forms import SUMMED
from parity.layout import layer_rows
from parity.report.terminal import aligned
from parity.report.wording import visible

HEADER = ("layer", "kind", "output shape", "settings", "remarks", "parameters")
UNSHOWN = ("_initializer", "_regularizer", "_constraint")
"""How names of settings end that say how weights came to be."""


@dataclass(frozen=True, kw_only=True)
class LayerLine:
    """One layer.

    Attributes:
        name: of its node.
        kind: the class of its spec.
        shape: of its first output, without the batch axis; None for a size that may vary.
        settings: those that are not as usual, by name.
        remark: what is special about it here.
        parameters: how many numbers Keras counts in its weights.
    """

    name: str
    kind: str
    shape: Shape
    settings: dict[str, Any]
    remark: str
    parameters: int

    def to_json(self) -> dict[str, Any]:
        """The line as primitives."""
        return asdict(self)


def layer_lines(spec: ModelSpec, notes: Sequence[str] = ()) -> list[LayerLine]:
    """The layers of a model.

    Args:
        spec: the model.
        notes: sentences; a layer's remark says which of them quote its name.
    """
    with torch.device("meta"):
        sizes = {name: one.numel() for name, one in SequenceModel(spec).state_dict().items()}
    shapes = spec.shapes()
    return [
        LayerLine(
            name=node.name,
            kind=type(node.layer).__name__,
            shape=shapes[node.name],
            settings=dict(_settings(node.layer)),
            remark=_remark(node, notes),
            parameters=0 if node.shares else _parameters(node, sizes),
        )
        for node in spec.nodes
    ]


def layer_table(lines: Sequence[LayerLine]) -> str:
    """The lines as a plain table, with the sum of all parameters beneath."""
    rows = [
        (
            visible(one.name),
            one.kind,
            shown_shape(one.shape),
            visible(", ".join(f"{name}={value}" for name, value in one.settings.items())),
            visible(one.remark),
            f"{one.parameters:,}",
        )
        for one in lines
    ]
    kept = [
        column for column in zip(HEADER, *rows, strict=True) if any(column[1:])
    ]  # no empty column
    total = sum(one.parameters for one in lines)
    table = aligned(list(zip(*kept, strict=True)), numbers=1)
    return "\n".join([*table, "", f"{len(lines)} layers, {total:,} parameters"])


def shown_shape(shape: Shape) -> str:
    """A shape with its batch axis: ``(batch, any, 8)``."""
    return f"({', '.join(['batch', *('any' if size is None else str(size) for size in shape)])})"


def _settings(spec: LayerSpec) -> Iterator[tuple[str, Any]]:
    """The settings that differ from the default; those without a default are all shown."""
    if isinstance(spec, specs.Input):
        return  # its shape is shown as such
    implied = ()
    if isinstance(spec, specs.Bidirectional):
        usual = specs.Bidirectional(forward=spec.forward, merge_mode=spec.merge_mode)
        implied = ("backward",) if usual.backward == spec.backward else ()
    for one in fields(spec):
        value = getattr(spec, one.name)
        if value != one.default and one.name not in implied and not one.name.endswith(UNSHOWN):
            yield one.name, _shown(value)


def _shown(value: Any) -> Any:
    if isinstance(value, LayerSpec):
        inner = ", ".join(f"{name}={one}" for name, one in _settings(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, ModelSpec):
        return f"{len(value.nodes)} layers"
    if isinstance(value, tuple):
        return [_shown(part) for part in value]
    return value.to_config() if isinstance(value, Spec) else value


def _remark(node: Node, notes: Sequence[str]) -> str:
    parts = [f"shares {node.shares}"] if node.shares else []
    quoting = [str(number) for number, note in enumerate(notes, 1) if repr(node.name) in note]
    if quoting:
        parts.append(f"note {', '.join(quoting)}")
    return "; ".join(parts)


def _parameters(node: Node, sizes: dict[str, int]) -> int:
    """Of a bias that torch keeps in two and Keras in one, one counts."""
    return sum(
        sizes[name]
        for row in layer_rows(node.layer, node.name, f"layers.{node.name}")
        for name in (row.torch[:1] if row.form is SUMMED else row.torch)
    )
