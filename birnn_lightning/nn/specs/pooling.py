"""The specs of the layers that summarise time."""

from dataclasses import dataclass
from typing import Literal

from birnn_lightning.nn.specs.base import Shape, check_rank
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.windows import check_window, window_shape


@dataclass(frozen=True, kw_only=True)
class _GlobalPooling(LayerSpec):
    """A layer that summarises all steps.

    Attributes:
        keepdims: whether a time axis of size 1 stays.
    """

    keepdims: bool = False

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(feature,)`` or ``(1, feature)``."""
        check_rank(type(self).__name__, shapes[0], 2, "time, feature")
        return ((1,) if self.keepdims else ()) + shapes[0][1:]


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value over time. As in Keras it ignores the mask: it sees the padding's zeros."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the valid steps; NaN for a row that has none."""


@dataclass(frozen=True, kw_only=True)
class _Pooling(LayerSpec):
    """A layer that summarises each of the windows that slide along time; the mask is dropped.

    Attributes:
        pool_size: steps of a window.
        strides: steps from one window to the next; None becomes ``pool_size``.
        padding: ``"valid"`` takes the windows that lie within the input, ``"same"`` one every
            ``strides`` steps, of which the steps outside do not count.
    """

    pool_size: int = 2
    strides: int | None = None
    padding: Literal["valid", "same"] = "valid"

    def __post_init__(self) -> None:
        """Makes ``strides`` explicit and checks the fields."""
        super().__post_init__()
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        owner = type(self).__name__
        sizes = {"pool_size": self.pool_size, "strides": self.step}
        check_window(owner, self.padding, ("valid", "same"), **sizes)

    @property
    def step(self) -> int:
        """Steps from one window to the next."""
        return self.pool_size if self.strides is None else self.strides

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(windows, feature)``."""
        owner = type(self).__name__
        check_rank(owner, shapes[0], 2, "time, feature")
        return window_shape(owner, shapes[0], self.pool_size, self.step, self.padding)


@dataclass(frozen=True, kw_only=True)
class MaxPooling1D(_Pooling):
    """The largest value of each window."""


@dataclass(frozen=True, kw_only=True)
class AveragePooling1D(_Pooling):
    """The mean of each window, of the steps that lie within the input."""
