"""The specs of the layers that add steps or pixels, take some away, or repeat them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.space import Images, Sequences, check_amounts

Sides = tuple[int, int]
"""Before and after."""
ImageSides = tuple[Sides, Sides]
"""Above and below, left and right."""


@dataclass(frozen=True, kw_only=True)
class _Edges(Sequences, LayerSpec):
    """A layer that changes the edges of its input; the mask is dropped."""

    setting: ClassVar[str] = ""

    @property
    def amounts(self) -> tuple[Sides, ...]:
        """How much before and after, along each axis of space."""
        value: Any = getattr(self, self.setting)
        return (value,) if self.rank == 1 else value

    def __post_init__(self) -> None:
        """Makes pairs of single numbers and checks them."""
        super().__post_init__()
        owner, value = type(self).__name__, getattr(self, self.setting)
        if self.rank == 2 and isinstance(value, tuple):
            value = tuple(part if isinstance(part, tuple) else (part, part) for part in value)
        elif not isinstance(value, tuple):
            value = (value, value) if self.rank == 1 else ((value, value),) * 2
        object.__setattr__(self, self.setting, value)
        if any(len(pair) != 2 for pair in (value, *(self.amounts))):
            raise ValueError(f"{owner}: {self.setting} must hold pairs; got {value!r}.")
        check_amounts(owner, self.setting, tuple(one for pair in self.amounts for one in pair))


@dataclass(frozen=True, kw_only=True)
class _ZeroPadding(_Edges):
    """Zeros around the input."""

    setting: ClassVar[str] = "padding"

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(*space, feature)`` to ``(*larger space, feature)``."""
        space = zip(self.space(shapes[0]), self.amounts, strict=True)
        larger = tuple(None if size is None else size + sum(pair) for size, pair in space)
        return self.joined(larger, self.features(shapes[0]))


@dataclass(frozen=True, kw_only=True)
class ZeroPadding1D(_ZeroPadding):
    """Steps of zeros.

    Attributes:
        padding: ``(before, after)``, or one number for both.
    """

    padding: int | Sides = 1


@dataclass(frozen=True, kw_only=True)
class ZeroPadding2D(Images, _ZeroPadding):
    """Pixels of zeros.

    Attributes:
        padding: ``((above, below), (left, right))``; one number stands for equal ones.
    """

    padding: int | tuple[int, int] | ImageSides = 1


@dataclass(frozen=True, kw_only=True)
class _Cropping(_Edges):
    """The input without its edges."""

    setting: ClassVar[str] = "cropping"

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(*space, feature)`` to ``(*smaller space, feature)``."""
        return self.joined(self.cropped(self.space(shapes[0])), self.features(shapes[0]))

    def cropped(self, space: Shape) -> Shape:
        """What is left of space; raises ValueError where nothing is."""
        for size, pair in zip(space, self.amounts, strict=True):
            if size is not None and size <= sum(pair):
                raise ValueError(
                    f"{type(self).__name__}: cropping must leave something of {size} along an "
                    f"axis; got {pair}."
                )
        each = zip(space, self.amounts, strict=True)
        return tuple(None if size is None else size - sum(pair) for size, pair in each)


@dataclass(frozen=True, kw_only=True)
class Cropping1D(_Cropping):
    """Takes steps away.

    Attributes:
        cropping: ``(before, after)``, or one number for both.
    """

    cropping: int | Sides = 1


@dataclass(frozen=True, kw_only=True)
class Cropping2D(Images, _Cropping):
    """Takes pixels away.

    Attributes:
        cropping: ``((above, below), (left, right))``; one number stands for equal ones.
    """

    cropping: int | tuple[int, int] | ImageSides = 0


@dataclass(frozen=True, kw_only=True)
class _UpSampling(Sequences, LayerSpec):
    """A layer that repeats; the mask is dropped."""

    size: int | tuple[int, int] = 2

    def __post_init__(self) -> None:
        """Checks the size."""
        super().__post_init__()
        self.check_sizes(size=self.size)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(*space, feature)`` to ``(*larger space, feature)``."""
        each = zip(self.space(shapes[0]), self.each(self.size), strict=True)
        space = tuple(None if length is None else length * times for length, times in each)
        return self.joined(space, self.features(shapes[0]))


@dataclass(frozen=True, kw_only=True)
class UpSampling1D(_UpSampling):
    """Each step comes ``size`` times in a row."""

    size: int = 2


@dataclass(frozen=True, kw_only=True)
class UpSampling2D(Images, _UpSampling):
    """Each pixel becomes a block of ``size``, a number or ``(height, width)``, of equal ones."""
