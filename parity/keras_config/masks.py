"""Every layer of a Keras model gets the mask that ours would get, or the model is refused.

In Keras a mask is handed on with a tensor or given by hand. Ours are handed on alone: an Embedding
or a Masking layer makes one from its input, and a caller's own enters with the first input.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from birnn_lightning.nn.specs import reference
from parity.keras_config.calls import KerasGraph, KerasNode
from parity.keras_config.nodes import MODEL_CLASSES, model_graph, needed
from parity.keras_config.operations import is_operation
from parity.keras_config.recurrent import RECURRENT_CLASSES
from parity.keras_config.table import mask_rule, uses_mask
from parity.results import ParityUnavailable

Origin: TypeAlias = tuple[Any, ...] | None
"""What a mask is computed from, as a tree of operations; None for no mask."""

COMBINE = ("LogicalOr", "ExpandDims", "Any", "Concatenate")
"""Operations whose operands are masks."""
LIKE = ("ZerosLike", "OnesLike")
"""Operations that make masks of the shape of a layer's output."""


def mask_inputs(graph: KerasGraph) -> list[str]:
    """Names of the model's inputs that are given to layers as their mask."""
    by_name = {node.name: node for node in graph.nodes}
    given = (name for node in needed(graph) for name in node.masks or () if name is not None)
    sources = dict.fromkeys(source for name in given for source in _sources(name, by_name))
    return [name for name in sources if by_name[name].class_name == "InputLayer"]


def check_masks(graph: KerasGraph) -> None:
    """Follows the masks through a model as Keras hands them on, and as we do.

    Raises:
        ParityUnavailable: a layer whose mask differs; the message names it.
    """
    by_name = {node.name: node for node in graph.nodes}
    entering = [_origin(name, by_name) for name in mask_inputs(graph)]
    ours = [entering[0] if entering and not index else None for index in range(len(graph.inputs))]
    _follow(graph, [None] * len(graph.inputs), ours)


def _follow(
    graph: KerasGraph,
    their_entering: Sequence[Origin],
    our_entering: Sequence[Origin],
    keeps_entering: bool = True,
) -> tuple[list[Origin], list[Origin]]:
    """The masks of a model's outputs, Keras's and ours, from those of its inputs.

    Args:
        graph: the model.
        their_entering: the masks of its inputs in Keras.
        our_entering: those in ours.
        keeps_entering: see `_output_mask`, of ours.
    """
    by_name = {node.name: node for node in graph.nodes}
    theirs: dict[str, Origin] = dict(zip(graph.inputs, their_entering, strict=True))
    ours: dict[str, Origin] = dict(zip(graph.inputs, our_entering, strict=True))
    for node in needed(graph, graph.inputs):
        if node.class_name == "InputLayer":
            continue
        our_masks = [ours.get(name) for name in node.inputs]
        if node.masks is None:
            their_masks = [theirs.get(name) for name in node.inputs]
            _check_not_forgotten(node, their_masks)
        else:
            given = [None if name is None else _origin(name, by_name) for name in node.masks]
            their_masks = given + [None] * (len(node.inputs) - len(given))
        if node.class_name in MODEL_CLASSES:
            inner = model_graph(node.class_name, node.config)
            found = _follow(inner, their_masks, our_masks, keeps_entering)
            for masks, outputs in zip((theirs, ours), found, strict=True):
                masks |= {reference(node.name, i): mask for i, mask in enumerate(outputs)}
            continue
        if is_operation(node.class_name, node.config, node.module):
            continue  # which is no layer, and hands no mask on
        given = our_masks[: len(their_masks)]  # an attention's key and initial states need none
        _check_steps(node.class_name, node.config, their_masks)
        if _uses_mask(node.class_name, node.config) and given != their_masks:
            raise ParityUnavailable(
                f"layer {node.name!r} has a mask that no classifier of ours would give it. "
                "Supported: the mask that an Embedding or a Masking layer makes from the inputs, "
                "or one mask input for every layer that can take it."
            )
        theirs[node.name] = _output_mask(node, their_masks, keeps_entering=False)
        ours[node.name] = _output_mask(node, our_masks, keeps_entering)
        if node.class_name == "Bidirectional" and node.config.get("merge_mode", "") is None:
            for masks in (theirs, ours):  # two sequences, with one mask each
                masks[reference(node.name, 1)] = masks[node.name]
    return [theirs.get(name) for name in graph.outputs], [ours.get(name) for name in graph.outputs]


def _uses_mask(class_name: str, config: Mapping[str, Any]) -> bool:
    """Whether what a layer, or a model inside it, computes depends on the masks that come in."""
    if class_name == "TimeDistributed":
        inner = config["layer"]
        return _uses_mask(inner["class_name"], inner["config"])
    if class_name in MODEL_CLASSES:
        return any(
            _uses_mask(node.class_name, node.config)
            for node in needed(model_graph(class_name, config))
            if node.class_name != "InputLayer"
            and not is_operation(node.class_name, node.config, node.module)
        )
    return uses_mask(class_name, config)


def _check_steps(class_name: str, config: Mapping[str, Any], masks: Sequence[Origin]) -> None:
    """Follows the masks through the model that `TimeDistributed` runs, if it runs one.

    What comes in is the same in both, or refused where `TimeDistributed` stands; inside, ours too
    forgets it where a layer finds a mask.
    """
    if class_name != "TimeDistributed":
        return
    inner = config["layer"]
    steps = [mask and ("Step", mask) for mask in masks]
    if inner["class_name"] in MODEL_CLASSES:
        graph = model_graph(inner["class_name"], inner["config"])
        _follow(graph, steps, steps, keeps_entering=False)
    else:
        _check_steps(inner["class_name"], inner["config"], steps)


def _check_not_forgotten(node: KerasNode, masks: Sequence[Origin]) -> None:
    """Raises where Keras forgets a mask: beside initial states, unless it is given by hand (B9)."""
    if node.class_name in RECURRENT_CLASSES and len(masks) > 1 and masks[0] is not None:
        raise ParityUnavailable(
            f"layer {node.name!r} is given initial states, and beside them Keras forgets the mask "
            "of its sequence. Give it by hand, mask=..., or take the mask away."
        )


def _output_mask(node: KerasNode, masks: Sequence[Origin], keeps_entering: bool) -> Origin:
    """The mask of a layer's output.

    Args:
        node: the layer.
        masks: of its inputs.
        keeps_entering: whether a layer that finds a mask adds it to the one that comes, as ours
            do outside `TimeDistributed`, or forgets the one that comes, as Keras's do.
    """
    rule = mask_rule(node.class_name, node.config)
    if rule == "makes":
        made, entering = _made_mask(node), masks[0] if masks else None
        if keeps_entering:
            return (made, entering) if made and entering else made or entering
        return made
    if rule == "passes":
        return masks[0] if masks else None
    if rule == "any" and None not in masks:
        joined = masks[0]
        for mask in masks[1:]:
            joined = ("LogicalOr", None, joined, mask)
        return joined
    if rule == "concatenates" and any(masks):
        parts = [
            ("OnesLike", name)
            if mask is None
            else ("LogicalOr", None, ("ExpandDims", -1, mask), ("ZerosLike", name))
            for name, mask in zip(node.inputs, masks, strict=True)
        ]
        return ("Any", -1, ("Concatenate", node.config.get("axis", -1), *parts))
    return None


def _made_mask(node: KerasNode) -> Origin:
    """The mask that a layer finds in its input."""
    if node.class_name == "Embedding" and node.config.get("mask_zero"):
        return ("NotEqual", node.inputs, 0)
    if node.class_name == "Masking":
        return ("Any", -1, ("NotEqual", node.inputs, node.config.get("mask_value", 0.0)))
    return None


def _origin(name: str, by_name: Mapping[str, KerasNode]) -> Origin:
    """What the mask at a node is computed from."""
    node = _source(name, by_name)
    if node.class_name == "NotEqual" and len(node.constants) == 1:
        return ("NotEqual", node.inputs, node.constants[0])
    if node.class_name in LIKE:
        return (node.class_name, *node.inputs)
    if node.class_name in COMBINE:
        operands = (_origin(one, by_name) for one in node.inputs)
        return (node.class_name, node.config.get("axis"), *operands)
    return (node.class_name, node.name)


def _sources(name: str, by_name: Mapping[str, KerasNode]) -> Iterator[str]:
    """Names of the nodes that the operations on masks start from."""
    node = _source(name, by_name)
    if node.class_name in COMBINE:
        for one in node.inputs:
            yield from _sources(one, by_name)
    else:
        yield node.name


def _source(name: str, by_name: Mapping[str, KerasNode]) -> KerasNode:
    """The node that makes a mask; Attention hands masks on through a conversion."""
    node = by_name[name]
    return _source(node.inputs[0], by_name) if node.class_name == "ConvertToTensor" else node
