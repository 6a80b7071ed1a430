"""A model spec is a list of nodes; a node's inputs default to the node before it."""

from dataclasses import dataclass, replace
from typing import Any, Self

from torch.nn import ModuleDict

from birnn_lightning.nn.specs.base import Shape, spec_from_config
from birnn_lightning.nn.specs.core import Input
from birnn_lightning.nn.specs.layer import LayerSpec

RESERVED_NAMES = frozenset(dir(ModuleDict()))


@dataclass(frozen=True, kw_only=True)
class Node:
    """One layer in the graph.

    Attributes:
        name: unique in the model; the torch module and the Keras layer carry it too. None of
            ``.``, ``/`` and ``:`` may occur in it, and no name that `torch.nn.ModuleDict` uses.
        layer: what it computes.
        inputs: references to outputs of earlier nodes: ``name`` for the first output, ``name:1``
            for the second, and so on; empty for the node before.
    """

    name: str
    layer: LayerSpec
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks the name."""
        if not self.name or set(self.name) & set("./:"):
            raise ValueError(
                f"node name must be non-empty, without '.', '/' and ':'; got {self.name!r}."
            )
        if self.name in RESERVED_NAMES and not isinstance(self.layer, Input):
            raise ValueError(
                f"node name {self.name!r} is one that torch uses itself. Rename the layer, e.g. to "
                f"{self.name + '_layer'!r}."
            )


def reference(name: str, index: int) -> str:
    """How a node's inputs refer to output ``index`` of the node ``name``."""
    return name if index == 0 else f"{name}:{index}"


@dataclass(frozen=True)
class ModelSpec:
    """A whole model: nodes in an order in which they can be computed; the last is the output.

    Attributes:
        nodes: inputs first where it matters; every node's inputs stand before it.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        """Makes every node's inputs explicit and checks names, order and shapes."""
        resolved: list[Node] = []
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise ValueError(f"node names must be unique; {node.name!r} occurs twice.")
            if not isinstance(node.layer, Input) and not node.inputs:
                if not resolved:
                    raise ValueError(f"the first node must be an Input; got {node.layer!r}.")
                node = replace(node, inputs=(resolved[-1].name,))
            for name in node.inputs:
                if name.split(":")[0] not in seen:
                    raise ValueError(
                        f"node {node.name!r} takes {name!r}, which does not stand before it. "
                        f"Before it: {sorted(seen)}."
                    )
            seen.add(node.name)
            resolved.append(node)
        if not resolved:
            raise ValueError("a model needs at least one node.")
        object.__setattr__(self, "nodes", tuple(resolved))
        self.shapes()

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes where data enters, in order."""
        return tuple(node for node in self.nodes if isinstance(node.layer, Input))

    @property
    def output(self) -> Node:
        """The node whose output is the model's."""
        return self.nodes[-1]

    def shapes(self) -> dict[str, Shape]:
        """Every output's shape by reference, without the batch axis; ValueError for a misfit."""
        shapes: dict[str, Shape] = {}
        for node in self.nodes:
            missing = [name for name in node.inputs if name not in shapes]
            if missing:
                raise ValueError(
                    f"node {node.name!r} takes {missing[0]!r}, an output that is not there. "
                    f"There are: {', '.join(shapes)}."
                )
            _check_input_count(node)
            try:
                outputs = node.layer.output_shapes(*(shapes[name] for name in node.inputs))
            except ValueError as error:
                raise ValueError(f"node {node.name!r}: {error}") from None
            for index, shape in enumerate(outputs):
                shapes[reference(node.name, index)] = shape
        return shapes

    def to_config(self) -> list[dict[str, Any]]:
        """The nodes as nested primitives; inverse of `from_config`."""
        return [
            {"name": node.name, "layer": node.layer.to_config(), "inputs": list(node.inputs)}
            for node in self.nodes
        ]

    @classmethod
    def from_config(cls, config: list[dict[str, Any]]) -> Self:
        """The spec that `to_config` described."""
        return cls(
            tuple(
                Node(
                    name=node["name"],
                    layer=spec_from_config(node["layer"]),
                    inputs=tuple(node["inputs"]),
                )
                for node in config
            )
        )


def _check_input_count(node: Node) -> None:
    counts = node.layer.input_counts()
    if counts and len(node.inputs) not in counts:
        raise ValueError(
            f"node {node.name!r}: {type(node.layer).__name__} takes "
            f"{' or '.join(map(str, counts))} inputs; got {list(node.inputs)}."
        )
