"""The operations by which Keras computes masks, as its functional config lists them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from birnn_lightning.nn.specs import Shape
from parity.keras_config.recurrent import RECURRENT_CLASSES
from parity.keras_config.table import mask_rule


@dataclass(frozen=True)
class Tensor:
    """A symbolic tensor of a Keras graph.

    Attributes:
        history: the layer's name, which of its calls, which of its outputs.
        shape: without the batch axis.
        dtype: its name.
    """

    history: tuple[str, int, int]
    shape: Shape
    dtype: str


AddOperation = Callable[..., Tensor]
"""Adds an operation to the graph: class name, arguments, keywords, the result's shape and dtype,
and its config."""

TAKE_MASKS = frozenset(
    {
        *RECURRENT_CLASSES,
        "BatchNormalization",
        "Functional",
        "GlobalAveragePooling1D",
        "Softmax",
        "TimeDistributed",
    }
)
"""Classes into whose calls Keras writes the mask. Merging and attention layers, which take a list,
find the masks on the tensors when they run."""


def output_mask(
    class_name: str,
    config: dict[str, Any],
    inputs: Sequence[Tensor],
    masks: Sequence[Tensor | None],
    add: AddOperation,
) -> Tensor | None:
    """The mask of a layer's first output, computed as the layer's ``compute_mask`` does.

    An inner model's is known only when it runs; Keras then finds it on the tensor.
    """
    if class_name == "Functional":
        return None
    rule = mask_rule(class_name, config)
    if rule == "makes":
        return _made(class_name, config, inputs[0], add)
    if rule == "passes":
        return masks[0]
    if rule == "any" and None not in masks:
        joined = masks[0]
        for mask in masks[1:]:
            joined = _joined(joined, mask, add)
        return joined
    if rule == "concatenates" and any(mask is not None for mask in masks):
        return _concatenated(config["axis"], inputs, masks, add)
    return None


def _made(
    class_name: str, config: dict[str, Any], given: Tensor, add: AddOperation
) -> Tensor | None:
    """The mask that a layer finds in its input, where it looks for one."""
    if class_name == "Embedding":
        if not config["mask_zero"]:
            return None
        return add("NotEqual", given, 0, shape=given.shape)
    differs = add("NotEqual", given, config["mask_value"], shape=given.shape)
    return _any(differs, add)


def _any(mask: Tensor, add: AddOperation) -> Tensor:
    return add("Any", mask, shape=mask.shape[:-1], config={"axis": -1, "keepdims": False})


def _joined(first: Any, second: Any, add: AddOperation) -> Tensor:
    return add("LogicalOr", first, second, shape=second.shape)


def _concatenated(
    axis: int, inputs: Sequence[Tensor], masks: Sequence[Tensor | None], add: AddOperation
) -> Tensor:
    parts = []
    for one, mask in zip(inputs, masks, strict=True):
        if mask is None:
            parts.append(add("OnesLike", one, dtype="bool", shape=one.shape))
        elif len(mask.shape) < len(one.shape):
            wide = add("ExpandDims", mask, shape=(*mask.shape, 1), config={"axis": -1})
            like = add("ZerosLike", one, dtype="bool", shape=one.shape)
            parts.append(_joined(wide, like, add))
        else:
            parts.append(mask)
    place = axis if axis < 0 else axis - 1  # the batch axis is not among ours
    shape = list(parts[0].shape)
    sizes = [part.shape[place] for part in parts]
    shape[place] = None if None in sizes else sum(size for size in sizes if size is not None)
    return _any(add("Concatenate", parts, shape=tuple(shape), config={"axis": axis}), add)
