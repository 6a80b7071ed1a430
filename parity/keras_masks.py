"""Every layer of a Keras model gets the mask that ours would get, or the model is refused.

In Keras a mask is handed on with a tensor or given by hand. Ours are handed on alone: an Embedding
or a Masking layer makes one from its input, and a caller's own enters with the first input.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from parity.keras_nodes import KerasNode
from parity.results import ParityUnavailable

RECURRENT = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")
USE_MASKS = (*RECURRENT, "GlobalAveragePooling1D", "Attention")
PASS_MASKS = ("Dropout", "Dense", "Attention")

Origin: TypeAlias = tuple[Any, ...] | None
"""What a mask is computed from; None for no mask."""


def mask_inputs(nodes: Sequence[KerasNode], by_name: Mapping[str, KerasNode]) -> list[str]:
    """Names of the model's inputs that are given to layers as their mask."""
    given = (name for node in nodes for name in node.masks or () if name is not None)
    sources = dict.fromkeys(_source(name, by_name).name for name in given)
    return [name for name in sources if by_name[name].class_name == "InputLayer"]


def check_masks(nodes: Sequence[KerasNode], by_name: Mapping[str, KerasNode]) -> None:
    """Follows the masks through a model as Keras hands them on, and as we do.

    Args:
        nodes: those from which the output is computed, in order of computation.
        by_name: every node of the model, those that compute masks included.

    Raises:
        ParityUnavailable: a layer whose mask differs; the message names it.
    """
    theirs: dict[str, Origin] = {}
    ours: dict[str, Origin] = {}
    entering: list[Origin] = [_origin(name, by_name) for name in mask_inputs(nodes, by_name)]
    for node in nodes:
        if node.class_name == "InputLayer":
            theirs[node.name] = None
            ours[node.name] = entering[0] if entering and not ours else None
            continue
        our_masks = [ours[name] for name in node.inputs]
        if node.masks is None:
            their_masks = [theirs[name] for name in node.inputs]
        else:
            their_masks = [None if name is None else _origin(name, by_name) for name in node.masks]
        if node.class_name in USE_MASKS and our_masks != their_masks:
            raise ParityUnavailable(
                f"layer {node.name!r} has a mask that no classifier of ours would give it. "
                "Supported: the mask that an Embedding or a Masking layer makes from the inputs, "
                "or one mask input for every layer that can take it."
            )
        made = _made_mask(node)
        theirs[node.name] = made or (their_masks[0] if _passes_mask(node) else None)
        if node.class_name in ("Embedding", "Masking"):  # a mask that enters stays, as we do it
            ours[node.name] = (
                (made, our_masks[0]) if made and our_masks[0] else made or our_masks[0]
            )
        else:
            ours[node.name] = our_masks[0] if _passes_mask(node) else None


def _made_mask(node: KerasNode) -> Origin:
    """The mask that a layer makes from its input."""
    if node.class_name == "Embedding" and node.config.get("mask_zero"):
        return ("NotEqual", node.inputs, 0)
    if node.class_name == "Masking":
        return ("Any", node.inputs, node.config.get("mask_value", 0.0))
    return None


def _origin(name: str, by_name: Mapping[str, KerasNode]) -> Origin:
    """What the mask at a node is computed from."""
    node = _source(name, by_name)
    if node.class_name == "NotEqual" and len(node.constants) == 1:
        return ("NotEqual", node.inputs, node.constants[0])
    if node.class_name == "Any" and node.config.get("axis") == -1:
        compared = by_name[node.inputs[0]]
        if compared.class_name == "NotEqual" and len(compared.constants) == 1:
            return ("Any", compared.inputs, compared.constants[0])
    return (node.class_name, node.name)


def _source(name: str, by_name: Mapping[str, KerasNode]) -> KerasNode:
    """The node that makes a mask; Attention hands masks on through a conversion."""
    node = by_name[name]
    return _source(node.inputs[0], by_name) if node.class_name == "ConvertToTensor" else node


def _passes_mask(node: KerasNode) -> bool:
    settings = node.config.get("layer", {}).get("config", node.config)
    return node.class_name in PASS_MASKS or (
        node.class_name in RECURRENT and bool(settings.get("return_sequences"))
    )
