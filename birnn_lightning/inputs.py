"""Whatever a caller passes as inputs becomes masked tensors of the right type, or a clear error."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from birnn_lightning.nn.layers.core import check_tokens
from birnn_lightning.nn.masks import Masked, check_mask, mask_from_lengths, merge_masks
from birnn_lightning.nn.specs import Embedding, ModelSpec, Node

Array: TypeAlias = Tensor | np.ndarray
Arrays: TypeAlias = Array | Sequence[Array]


def as_list(arrays: Arrays) -> list[Array]:
    """Several inputs as they are, a single one as a list of one."""
    return list(arrays) if isinstance(arrays, list | tuple) else [arrays]  # type: ignore[list-item]


def check_same_length(arrays: Iterable[Array]) -> None:
    """Raises ValueError unless all arrays hold equally many examples."""
    sizes = [len(array) for array in arrays]
    if len(set(sizes)) > 1:
        raise ValueError(f"inputs, lengths and mask must have one batch size; got {sizes}.")


def vocab_size(spec: ModelSpec, entrance: str) -> int | None:
    """The rows of the smallest embedding that an input enters; None where it enters none."""
    sizes = [
        node.layer.vocab_size
        for node in spec.nodes
        if isinstance(node.layer, Embedding) and node.inputs == (entrance,)
    ]
    return min(sizes, default=None)


def check_tokens_on_cpu(spec: ModelSpec, inputs: Iterable[Array]) -> None:
    """Raises ValueError for tokens on the CPU that are not in the vocabulary.

    For a model on a GPU: there the embedding's kernel would find them, and end all work.
    """
    for node, array in zip(spec.inputs, inputs, strict=False):
        rows = vocab_size(spec, node.name)
        if rows is not None:
            tokens = _as_tensor(array)
            if tokens.device.type == "cpu":
                check_tokens(tokens, rows)


def masked_inputs(
    spec: ModelSpec,
    inputs: Arrays,
    lengths: Array | None,
    mask: Array | None,
    like: Tensor,
) -> list[Masked]:
    """One masked tensor an input node.

    Args:
        spec: whose inputs they are.
        inputs: one array, or a list of one an input node.
        lengths: ``(batch,)``: valid steps of right-padded sequences; of the first input.
        mask: ``(batch, time)`` bool, True where valid; of the first input. Given both, a step is
            valid where both say so.
        like: a parameter: features take its type, everything its device.

    Raises:
        ValueError: the number of inputs, a shape or a type does not fit.
    """
    arrays = as_list(inputs)
    if len(arrays) != len(spec.inputs):
        raise ValueError(f"the model has {len(spec.inputs)} inputs; got {len(arrays)}.")
    if like.device.type != "cpu":
        check_tokens_on_cpu(spec, arrays)
    tensors = [
        _to_tensor(node, array, like) for node, array in zip(spec.inputs, arrays, strict=True)
    ]
    check_same_length(tensors)
    first = tensors[0]
    if (lengths is not None or mask is not None) and first.dim() < 2:
        raise ValueError("lengths and mask need a first input with a time axis.")
    valid = None
    if lengths is not None:
        valid = mask_from_lengths(_as_tensor(lengths).to(like.device), first.shape[1])
        if len(valid) != len(first):
            raise ValueError(f"lengths must have {len(first)} elements; got {len(valid)}.")
    if mask is not None:
        mask = _as_tensor(mask).to(like.device)
        check_mask(mask, *first.shape[:2])
        valid = merge_masks(valid, mask)
    return [Masked(first, valid), *(Masked(tensor) for tensor in tensors[1:])]


def _as_tensor(array: Array) -> Tensor:
    """The array as a tensor; copied where torch refuses its memory, e.g. a reversed view."""
    if isinstance(array, np.ndarray) and not (array.flags.carray and array.dtype.isnative):
        array = np.require(array, array.dtype.newbyteorder("="), ["C", "W"])
    return torch.as_tensor(array)


def _to_tensor(node: Node, array: Array, like: Tensor) -> Tensor:
    """An input as a tensor of the node's type, its shape checked."""
    shape, dtype = node.layer.output_shape(), getattr(node.layer, "dtype", "float")
    tensor = _as_tensor(array)
    fits = tensor.dim() == len(shape) + 1 and all(
        want in (None, size) for want, size in zip(shape, tensor.shape[1:], strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in ("batch", *shape))
        raise ValueError(
            f"input {node.name!r} must have the shape ({wanted}); got {tuple(tensor.shape)}."
        )
    if 0 in tensor.shape[1:]:
        raise ValueError(
            f"input {node.name!r} has an axis without elements: {tuple(tensor.shape)}. Drop empty "
            "sequences in the data module."
        )
    wanted_dtype = torch.int64 if dtype == "int64" else like.dtype
    if tensor.dtype == wanted_dtype and tensor.device == like.device:
        return tensor  # a call that changes nothing takes time too
    holds_fractions = dtype == "int64" and tensor.is_floating_point()
    if holds_fractions and not torch.equal(tensor, tensor.round()):
        raise ValueError(f"input {node.name!r} must hold whole tokens; got fractions.")
    return tensor.to(device=like.device, dtype=wanted_dtype)
