"""The specs of the layers that stand around the recurrent ones, named as Keras names them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import (
    LayerSpec,
    Shape,
    check_choice,
    check_positive,
    check_rank,
    check_rate,
)


@dataclass(frozen=True, kw_only=True)
class Input(LayerSpec):
    """Where data enters.

    Attributes:
        shape: without the batch axis, e.g. ``(None,)`` for tokens, ``(None, 8)`` for features.
        dtype: ``"int64"`` for tokens, ``"float"`` for features in the model's own precision.
    """

    num_inputs: ClassVar[int] = 0

    shape: Shape
    dtype: Literal["int64", "float"] = "float"

    def __post_init__(self) -> None:
        """Checks the fields."""
        check_choice("Input", "dtype", self.dtype, ("int64", "float"))

    def output_shape(self, *shapes: Shape) -> Shape:
        """The declared shape."""
        return self.shape


@dataclass(frozen=True, kw_only=True)
class Masking(LayerSpec):
    """Masks the steps whose features all equal ``mask_value``, and zeroes them."""

    mask_value: float = 0.0

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        check_rank("Masking", shapes[0], 2, "time, feature")
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Embedding(LayerSpec):
    """Tokens to vectors.

    Attributes:
        vocab_size: number of rows; tokens are 0 to ``vocab_size - 1``.
        embedding_dim: features of a vector.
        mask_zero: whether token 0 is padding, to be masked. Its row is trained all the same.
    """

    vocab_size: int
    embedding_dim: int
    mask_zero: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        check_positive("Embedding", "vocab_size", self.vocab_size)
        check_positive("Embedding", "embedding_dim", self.embedding_dim)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time,)`` to ``(time, embedding_dim)``."""
        return (*shapes[0], self.embedding_dim)


@dataclass(frozen=True, kw_only=True)
class Dropout(LayerSpec):
    """In training, zeroes each element with probability ``rate`` and scales the others up."""

    rate: float

    def __post_init__(self) -> None:
        """Checks the rate."""
        check_rate("Dropout", "rate", self.rate)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Dense(LayerSpec):
    """An affine map of the last axis.

    Attributes:
        units: features of the output.
        activation: applied to the output.
        use_bias: whether there is a bias.
    """

    units: int
    activation: str = "linear"
    use_bias: bool = True

    def __post_init__(self) -> None:
        """Checks the fields."""
        check_positive("Dense", "units", self.units)
        check_activation("Dense", "activation", self.activation)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The last axis becomes ``units``."""
        return (*shapes[0][:-1], self.units)


@dataclass(frozen=True, kw_only=True)
class _TimePooling(LayerSpec):
    """A layer that takes the time axis away."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(feature,)``."""
        check_rank(type(self).__name__, shapes[0], 2, "time, feature")
        return shapes[0][1:]


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPooling1D(_TimePooling):
    """The largest value over time. As in Keras it ignores the mask: it sees the padding's zeros."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling1D(_TimePooling):
    """The mean over the valid steps; NaN for a row that has none."""


@dataclass(frozen=True, kw_only=True)
class RepeatVector(LayerSpec):
    """Repeats a vector ``n`` times along a new time axis."""

    n: int

    def __post_init__(self) -> None:
        """Checks the count."""
        check_positive("RepeatVector", "n", self.n)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(feature,)`` to ``(n, feature)``."""
        check_rank("RepeatVector", shapes[0], 1, "feature")
        return (self.n, *shapes[0])


@dataclass(frozen=True, kw_only=True)
class Attention(LayerSpec):
    """Dot-product attention of inputs ``query`` and ``value`` (Luong et al. 2015)."""

    num_inputs: ClassVar[int] = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(query time, feature)`` and ``(time, feature)`` to ``(query time, feature)``."""
        for shape in shapes:
            check_rank("Attention", shape, 2, "time, feature")
        if shapes[0][-1] != shapes[1][-1]:
            raise ValueError(
                f"Attention: needs a query and a value of equal feature size; got {shapes}."
            )
        return (shapes[0][0], shapes[1][-1])


@dataclass(frozen=True, kw_only=True)
class Flatten(LayerSpec):
    """All axes but the batch become one; the mask is dropped."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(a, b, ...)`` to ``(a * b * ...,)``."""
        size = 1
        for axis in shapes[0]:
            if axis is None:
                raise ValueError(f"Flatten: every axis must have a known size; got {shapes[0]}.")
            size *= axis
        return (size,)
