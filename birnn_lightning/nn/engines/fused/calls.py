"""Tensors to the structures of ``kernel/interface.h``, and calls of the kernel."""

import ctypes
from collections.abc import Callable, Sequence
from ctypes import c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.engines.fused.compilation import (
    Precision,
    instruction_set,
    load_library,
)
from birnn_lightning.nn.specs import Recurrent

ACTIVATIONS: tuple[str, ...] = (
    "linear",
    "tanh",
    "sigmoid",
    "relu",
    "hard_sigmoid",
    "hard_sigmoid_keras2",
    "hard_tanh",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "softsign",
    "exponential",
    "silu",
)
"""In the order of the kernel's numbers."""
PRECISIONS: dict[torch.dtype, Precision] = {torch.float32: "float32", torch.float64: "float64"}
CELLS = ("rnn", "lstm", "gru", "gru reset before")
MAX_CHUNK_ROWS = 64
"""As ``MAX_TASK_ROWS`` of the kernel."""


class Batch(ctypes.Structure):
    """``Batch``: the tokens of every row."""

    _fields_ = (
        ("rows", c_int64),
        ("time", c_int64),
        ("offsets", c_void_p),
        ("places", c_void_p),
        ("order", c_void_p),
    )


class Forward(ctypes.Structure):
    """``Forward``: one direction; the pointers begin with those of `Operands`, in its order."""

    _fields_ = (
        ("input_size", c_int64),
        ("hidden_size", c_int64),
        ("cell", c_int64),
        ("activation", c_int64),
        ("recurrent_activation", c_int64),
        ("reverse", c_int64),
        ("bfloat16", c_int64),
        ("output_stride", c_int64),
        ("tokens", c_void_p),
        ("inputs", c_void_p),
        ("projected", c_void_p),
        ("weight_ih", c_void_p),
        ("weight_hh", c_void_p),
        ("bias_ih", c_void_p),
        ("bias_hh", c_void_p),
        ("factor", c_void_p),
        ("initial_h", c_void_p),
        ("initial_c", c_void_p),
        ("outputs", c_void_p),
        ("final_h", c_void_p),
        ("final_c", c_void_p),
        ("saved", c_void_p),
        ("previous", c_void_p),
    )


class Layer(ctypes.Structure):
    """``Layer``: the directions that run at once."""

    _fields_ = (
        ("directions", ctypes.POINTER(Forward)),
        ("count", c_int64),
        ("chunks", c_int64),
    )


class Backward(ctypes.Structure):
    """``Backward``: the gradients of one direction."""

    _fields_ = (
        ("of", ctypes.POINTER(Forward)),
        ("outputs", c_void_p),
        ("final_h", c_void_p),
        ("final_c", c_void_p),
        ("inputs", c_void_p),
        ("projected", c_void_p),
        ("weight_ih", c_void_p),
        ("weight_hh", c_void_p),
        ("bias_ih", c_void_p),
        ("bias_hh", c_void_p),
        ("initial_h", c_void_p),
        ("initial_c", c_void_p),
    )


def function_of(name: str, dtype: torch.dtype) -> Callable[..., int]:
    """A function of the kernel for numbers of a type."""
    precision = PRECISIONS[dtype]
    return getattr(load_library(precision), f"{name}_{precision}")


def cell_number(spec: Recurrent) -> int:
    """The kernel's number of a spec's cell."""
    before = spec.cell == "gru" and not spec.reset_after
    return CELLS.index("gru reset before" if before else spec.cell)


def saved_values(spec: Recurrent) -> int:
    """Values that are kept of a unit at a token."""
    return load_library("float32").birnn_saved_values(cell_number(spec))


def find_tokens(mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``(offsets, order, places)`` of a mask ``(batch, time)``: see `Steps`.

    Raises:
        MemoryError: no memory to sort the rows.
    """
    batch, time = mask.shape
    mask = mask if mask.is_contiguous() else mask.contiguous()
    room = torch.empty(2 * batch + 1 + mask.numel(), dtype=torch.int64)
    starts = (0, batch + 1, 2 * batch + 1)
    pointers = (c_void_p(room.data_ptr() + start * room.itemsize) for start in starts)
    function = load_library("float32").birnn_tokens
    function.restype = c_int64
    tokens = function(c_void_p(mask.data_ptr()), c_int64(batch), c_int64(time), *pointers)
    if tokens < 0:
        raise MemoryError("no memory to sort the rows of a batch by length.")
    sizes = [batch + 1, batch, tokens, mask.numel() - tokens]
    offsets, order, places, _ = room.split_with_sizes(sizes)
    return offsets, order, places


def multiplies_bfloat16() -> bool:
    """Whether this processor and the library have products of bfloat16 numbers."""
    return bool(load_library("float32").birnn_multiplies_bfloat16())


def padded_size(hidden_size: int, dtype: torch.dtype) -> int:
    """``hidden_size`` in whole vectors."""
    lanes = instruction_set().vector_bytes // dtype.itemsize
    return -(-hidden_size // lanes) * lanes


def pointer(tensor: Tensor | None) -> int | None:
    """Where a tensor's data begins; None for no tensor."""
    return None if tensor is None else tensor.data_ptr()


def call_forward(batch: Batch, layers: Sequence[Layer], dtype: torch.dtype, threads: int) -> None:
    """Calls ``birnn_forward``.

    Raises:
        MemoryError: no memory for the packed weights.
    """
    array = (Layer * len(layers))(*layers)
    _call("birnn_forward", dtype, ctypes.byref(batch), array, len(array), threads)


def call_backward(
    batch: Batch, directions: Sequence[Backward], dtype: torch.dtype, chunks: int, threads: int
) -> None:
    """Calls ``birnn_backward``.

    Raises:
        MemoryError: no memory for the packed weights.
    """
    array = (Backward * len(directions))(*directions)
    _call("birnn_backward", dtype, ctypes.byref(batch), array, len(array), chunks, threads)


def _call(name: str, dtype: torch.dtype, batch: Any, array: Any, *numbers: int) -> None:
    function = function_of(name, dtype)
    if function(batch, array, *map(c_int64, numbers)):
        raise MemoryError("no memory for the packed weights of a recurrent layer.")
