"""A model spec is a list of nodes; a node's inputs default to the node before it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
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
        shares: name of an earlier node whose layer, weights and all, computes this one too; its
            spec is ``layer``. Empty for a layer of its own.
    """

    name: str
    layer: LayerSpec
    inputs: tuple[str, ...] = ()
    shares: str = ""

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
    """A whole model: nodes in an order in which they can be computed.

    Attributes:
        nodes: inputs first where it matters; every node's inputs stand before it.
        outputs: references to the model's outputs; by default the first one of the last node.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Makes every node's inputs explicit and checks names, order and shapes."""
        resolved: list[Node] = []
        seen: dict[str, Node] = {}
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
            _check_shared(node, seen)
            seen[node.name] = node
            resolved.append(node)
        if not resolved:
            raise ValueError("a model needs at least one node.")
        object.__setattr__(self, "nodes", tuple(resolved))
        object.__setattr__(self, "outputs", tuple(self.outputs) or (resolved[-1].name,))
        shapes = self.shapes()
        for output in self.outputs:
            if output not in shapes:
                raise ValueError(
                    f"the model has no output {output!r} to give. There are: {', '.join(shapes)}."
                )

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes where data enters, in order."""
        return tuple(node for node in self.nodes if isinstance(node.layer, Input))

    @property
    def output(self) -> Node:
        """The node whose output is the model's, of several the first one's."""
        name = self.outputs[0].split(":")[0]
        return next(node for node in self.nodes if node.name == name)

    def with_output(self, output: str) -> Self:
        """The part of the model that computes one of its nodes' outputs, and gives that alone."""
        needed = {output.split(":")[0]}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed |= {name.split(":")[0] for name in node.inputs}
        owners = {node.shares for node in self.nodes if node.name in needed and node.shares}
        if owners - needed:
            raise ValueError(
                f"output {output!r} needs the layer of {', '.join(sorted(owners - needed))}, which "
                "it does not depend on. Keep all outputs."
            )
        return type(self)(tuple(node for node in self.nodes if node.name in needed), (output,))

    def shapes(self, *given: Shape) -> dict[str, Shape]:
        """Every output's shape by reference, without the batch axis; ValueError for a misfit.

        Args:
            *given: shapes of the inputs, where they are known better than the input nodes say.
        """
        known = dict(zip((node.name for node in self.inputs), given, strict=False))
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
                outputs = (
                    (known[node.name],)
                    if node.name in known
                    else node.layer.output_shapes(*(shapes[name] for name in node.inputs))
                )
            except ValueError as error:
                raise ValueError(f"node {node.name!r}: {error}") from None
            for index, shape in enumerate(outputs):
                shapes[reference(node.name, index)] = shape
        return shapes

    def to_config(self) -> list[dict[str, Any]]:
        """The nodes as nested primitives; inverse of `from_config`.

        What is as usual is left out: a layer of its own, and the last node as the only output.
        """
        nodes: list[dict[str, Any]] = []
        for node in self.nodes:
            config = {"name": node.name, "layer": node.layer.to_config()}
            shares = {"shares": node.shares} if node.shares else {}
            nodes.append({**config, "inputs": list(node.inputs), **shares})
        if self.outputs != (self.nodes[-1].name,):
            nodes.append({"outputs": list(self.outputs)})
        return nodes

    @classmethod
    def from_config(cls, config: list[dict[str, Any]]) -> Self:
        """The spec that `to_config` described."""
        outputs = next((tuple(one["outputs"]) for one in config if "outputs" in one), ())
        nodes = (
            Node(
                name=node["name"],
                layer=spec_from_config(node["layer"]),
                inputs=tuple(node["inputs"]),
                shares=node.get("shares", ""),
            )
            for node in config
            if "outputs" not in node
        )
        return cls(tuple(nodes), outputs)


def _check_shared(node: Node, before: Mapping[str, Node]) -> None:
    if not node.shares:
        return
    owner = before.get(node.shares)
    if owner is None or owner.shares or owner.layer != node.layer or isinstance(node.layer, Input):
        raise ValueError(
            f"node {node.name!r} must share the layer of a node before it that has the same layer "
            f"and shares none itself; got {node.shares!r}."
        )


def _check_input_count(node: Node) -> None:
    counts = node.layer.input_counts()
    if counts and len(node.inputs) not in counts:
        raise ValueError(
            f"node {node.name!r}: {type(node.layer).__name__} takes "
            f"{' or '.join(map(str, counts))} inputs; got {list(node.inputs)}."
        )
