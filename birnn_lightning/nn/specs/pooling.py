"""The specs of the layers that summarise time or images, whole or window by window."""

from dataclasses import dataclass
from typing import Literal

from birnn_lightning.nn.specs.base import Shape, check_choice
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.space import Images, Sequences
from birnn_lightning.nn.specs.windows import window_counts


@dataclass(frozen=True, kw_only=True)
class _GlobalPooling(Sequences, LayerSpec):
    """A layer that summarises all of space.

    Attributes:
        keepdims: whether axes of size 1 stay.
    """

    keepdims: bool = False

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(*space, feature)`` to ``(feature,)`` or ``(1, ..., feature)``."""
        self.space(shapes[0])
        space = (1,) * self.rank if self.keepdims else ()
        return self.joined(space, self.features(shapes[0]))


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value over time. As in Keras it ignores the mask: it sees the padding's zeros."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the valid steps; NaN for a row that has none."""


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling2D(Images, _GlobalPooling):
    """The largest value of an image, channel by channel."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling2D(Images, _GlobalPooling):
    """The mean of an image, channel by channel."""


@dataclass(frozen=True, kw_only=True)
class _Pooling(Sequences, LayerSpec):
    """A layer that summarises each of the windows that slide along space; the mask is dropped.

    Attributes:
        pool_size: steps of a window.
        strides: steps from one window to the next; None becomes ``pool_size``.
        padding: ``"valid"`` takes the windows that lie within the input, ``"same"`` one every
            ``strides`` steps, of which the steps outside do not count.
    """

    pool_size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: Literal["valid", "same"] = "valid"

    def __post_init__(self) -> None:
        """Makes ``strides`` explicit and checks the fields."""
        super().__post_init__()
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        self.check_sizes(pool_size=self.pool_size, strides=self.strides)
        check_choice(type(self).__name__, "padding", self.padding, ("valid", "same"))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Steps of a window along each axis of space."""
        return self.each(self.pool_size)

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps from one window to the next along each axis of space."""
        return self.sizes if self.strides is None else self.each(self.strides)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(*space, feature)`` to ``(*windows, feature)``."""
        owner, space = type(self).__name__, self.space(shapes[0])
        windows = window_counts(owner, space, self.sizes, self.steps, self.padding)
        return self.joined(windows, self.features(shapes[0]))


@dataclass(frozen=True, kw_only=True)
class MaxPooling1D(_Pooling):
    """The largest value of each window."""

    pool_size: int = 2
    strides: int | None = None


@dataclass(frozen=True, kw_only=True)
class AveragePooling1D(_Pooling):
    """The mean of each window, of the steps that lie within the input."""

    pool_size: int = 2
    strides: int | None = None


@dataclass(frozen=True, kw_only=True)
class MaxPooling2D(Images, _Pooling):
    """The largest value of each window of an image."""


@dataclass(frozen=True, kw_only=True)
class AveragePooling2D(Images, _Pooling):
    """The mean of each window of an image, of the pixels that lie within it."""
