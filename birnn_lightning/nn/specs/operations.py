"""The spec of an operation: `keras.ops` by name, with what it is called with.

A model file of Keras 3 holds one for every bit of arithmetic between layers, such as
``x[:, -1]``, ``a + b`` or ``keras.ops.mean(x, axis=1)``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.operations import DTYPES, FUNCTIONS, computed, leaves
from birnn_lightning.nn.specs.base import Shape, Spec
from birnn_lightning.nn.specs.layer import LayerSpec

ELLIPSIS = "..."
"""Stands for Python's Ellipsis in a key."""
WITHIN_AXIS = ("flip", "roll", "softmax", "log_softmax", "cumsum")
"""The operations that keep a shape and mix what stands along an axis."""
_SIZES = ((1009, 4099), (1013, 4099), (1009, 4111))
"""Of the batch and of open axes, for a trial of the shapes: the third differs from the first in
the open axes, the second in the batch."""


@dataclass(frozen=True, kw_only=True)
class Operand(Spec):
    """Stands for an input of the node among the arguments.

    Attributes:
        index: which.
    """

    index: int


@dataclass(frozen=True, kw_only=True)
class Slice(Spec):
    """A part ``start:stop:step`` of a key; None where nothing is said."""

    start: int | None = None
    stop: int | None = None
    step: int | None = None


@dataclass(frozen=True, kw_only=True)
class ConstantArray(Spec):
    """An array of numbers among the arguments.

    Attributes:
        value: nested tuples.
        dtype: ``"float"`` for the model's own precision, ``"int32"``, ``"int64"`` or ``"bool"``.
    """

    value: tuple[Any, ...]
    dtype: str = "float"


@dataclass(frozen=True, kw_only=True)
class Operation(LayerSpec):
    """An operation without weights; its output has no mask.

    Attributes:
        name: of `keras.ops`, e.g. ``"not_equal"``; ``"get_item"`` is ``x[key]``.
        arguments: what it is called with, in order: an `Operand` for each tensor, a number, a
            `ConstantArray`, or tuples of them; the key of ``get_item`` may hold a `Slice`, None and
            ``"..."``.
        settings: pairs of a setting's name and value; axes count the batch axis as 0.
    """

    name: str
    arguments: tuple[Any, ...] = (Operand(index=0),)
    settings: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Checks the name and the operands."""
        super().__post_init__()
        if self.name not in FUNCTIONS:
            raise ValueError(
                f"Operation: name must be one of {', '.join(sorted(FUNCTIONS))}; got {self.name!r}."
            )
        found = sorted({part.index for part in self._operands()})
        if not found or found != list(range(len(found))):
            raise ValueError(
                f"Operation {self.name}: its operands must be 0 to the last, at least one; got "
                f"{found}."
            )

    def _operands(self) -> Iterator[Operand]:
        return (part for part in leaves(self.arguments) if isinstance(part, Operand))

    def input_counts(self) -> tuple[int, ...]:
        """As many as there are operands."""
        return (1 + max(part.index for part in self._operands()),)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The first output's shape."""
        return self.output_shapes(*shapes)[0]

    def output_shapes(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Found by trying; raises ValueError where the examples of a batch would be mixed."""
        self._check_batch_axis(shapes)
        base, batch, opened = (self._trial(shapes, *sizes) for sizes in _SIZES)
        outputs: list[Shape] = []
        for one, two, three in zip(base, batch, opened, strict=True):
            if (one[:1], two[:1]) != ((_SIZES[0][0],), (_SIZES[1][0],)) or one[1:] != two[1:]:
                raise ValueError(
                    self._mixes(f"from a batch of {_SIZES[0][0]} the output has the shape {one}")
                )
            axes = zip(one[1:], three[1:], strict=True)
            outputs.append(tuple(size if size == other else None for size, other in axes))
        return tuple(outputs)

    def _trial(self, shapes: tuple[Shape, ...], batch: int, size: int) -> list[tuple[int, ...]]:
        """The outputs' shapes, the batch axis included, for these sizes; nothing is computed."""
        tensors = [
            torch.empty(batch, *(one or size for one in shape), device="meta") for shape in shapes
        ]
        try:
            result = self.compute(tensors, torch.empty(0, device="meta"))
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"Operation {self.name}: cannot take inputs of the shapes {list(shapes)} (without "
                f"the batch axis) with {dict(self.settings)}: {reason}."
            ) from None
        outputs = (result,) if isinstance(result, Tensor) else result
        return [tuple(output.shape) for output in outputs]

    def compute(self, tensors: list[Tensor], like: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What it makes of its inputs; ``like`` has the model's precision and device."""
        arguments = (_resolved(part, tensors, like) for part in self.arguments)
        return computed(self.name, arguments, dict(self.settings), like)

    def _check_batch_axis(self, shapes: tuple[Shape, ...]) -> None:
        """Raises where the examples of a batch are mixed and the shape does not show it."""
        rank = 1 + len(shapes[0])
        settings = dict(self.settings)
        if self.name in WITHIN_AXIS:
            axis = settings.get("axis")
            axes = (axis,) if isinstance(axis, int) else axis
            if not axes or any(one in (0, -rank) for one in axes):
                raise ValueError(self._mixes(f"axis is {axis}"))
        if self.name == "get_item":
            key = self.arguments[1]
            parts = key if isinstance(key, tuple) else (key,)
            named = sum(part not in (None, ELLIPSIS) for part in parts)
            if parts[0] != Slice() and not (parts[0] == ELLIPSIS and named < rank):
                raise ValueError(self._mixes("the key must begin with ':'"))
        if self.name == "einsum":
            self._check_subscripts(settings["subscripts"].replace(" ", ""), shapes)

    def _check_subscripts(self, subscripts: str, shapes: tuple[Shape, ...]) -> None:
        before, _, after = subscripts.partition("->")
        heads = {after[:1]}
        for part, argument in zip(before.split(","), self.arguments, strict=False):
            if isinstance(argument, Operand):
                letters = len(part.replace(ELLIPSIS, ""))
                covered = part[:1] != "." or letters < 1 + len(shapes[argument.index])
                heads.add(part[:1] if covered else "")
        if len(heads) > 1 or not after:
            raise ValueError(self._mixes(f"subscripts are {subscripts!r}"))

    def _mixes(self, what: str) -> str:
        return (
            f"Operation {self.name}: every example must be computed by itself, with the batch as "
            f"first axis of every tensor; {what}. Keep the batch axis in its place."
        )


def _resolved(value: Any, tensors: list[Tensor], like: Tensor) -> Any:
    """An argument as the operation takes it."""
    if isinstance(value, Operand):
        return tensors[value.index]
    if isinstance(value, Slice):
        return slice(value.start, value.stop, value.step)
    if isinstance(value, ConstantArray):
        dtype = DTYPES.get(value.dtype, like.dtype)
        return torch.tensor(value.value, dtype=dtype, device=like.device)
    if isinstance(value, tuple):
        return tuple(_resolved(part, tensors, like) for part in value)
    return Ellipsis if value == ELLIPSIS else value
