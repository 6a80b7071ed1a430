"""The specs of the layers through which data enters and is mapped step by step."""

from dataclasses import dataclass, field
from typing import Literal

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import Shape, check_choice, check_positive, check_rank
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.initializers import (
    GLOROT_UNIFORM,
    Initializer,
    RandomUniform,
    Zeros,
)
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer


@dataclass(frozen=True, kw_only=True)
class Input(LayerSpec):
    """Where data enters.

    Attributes:
        shape: without the batch axis, e.g. ``(None,)`` for tokens, ``(None, 8)`` for features.
        dtype: ``"int64"`` for tokens, ``"float"`` for features in the model's own precision.
    """

    shape: Shape
    dtype: Literal["int64", "float"] = "float"

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        if self.activity_regularizer is not None:
            raise ValueError(
                f"Input: an input has no activity_regularizer; got {self.activity_regularizer}."
            )
        check_choice("Input", "dtype", self.dtype, ("int64", "float"))
        for size in self.shape:
            if size is not None:
                check_positive("Input", "an axis of shape", size)

    def input_counts(self) -> tuple[int, ...]:
        """None: it is where data enters."""
        return (0,)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The declared shape."""
        return self.shape


@dataclass(frozen=True, kw_only=True)
class Masking(LayerSpec):
    """Masks the steps whose features all equal ``mask_value``, and zeroes them."""

    mask_value: float = 0.0

    def output_shape(self, *shapes: Shape) -> Shape:
        """Unchanged."""
        if len(shapes[0]) < 2:
            check_rank("Masking", shapes[0], 2, "time, feature")
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Embedding(LayerSpec):
    """Tokens to vectors.

    Attributes:
        vocab_size: number of rows; tokens are 0 to ``vocab_size - 1``.
        embedding_dim: features of a vector.
        mask_zero: whether token 0 is padding, to be masked. Its row is trained all the same.
        embeddings_initializer: of the rows; an initialiser or Keras's name of one.
        embeddings_regularizer: penalty of the rows, likewise.
        embeddings_constraint: of the rows after every update, likewise.
    """

    vocab_size: int
    embedding_dim: int
    mask_zero: bool = False
    embeddings_initializer: Initializer = field(default=RandomUniform(), compare=False)
    embeddings_regularizer: Regularizer | None = field(default=None, compare=False)
    embeddings_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_positive("Embedding", "vocab_size", self.vocab_size)
        check_positive("Embedding", "embedding_dim", self.embedding_dim)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time,)`` to ``(time, embedding_dim)``."""
        return (*shapes[0], self.embedding_dim)


@dataclass(frozen=True, kw_only=True)
class Dense(LayerSpec):
    """An affine map of the last axis.

    Attributes:
        units: features of the output.
        activation: applied to the output.
        use_bias: whether there is a bias.
        kernel_initializer: of the weight.
        bias_initializer: of the bias.
        kernel_regularizer: penalty of the weight.
        bias_regularizer: penalty of the bias.
        kernel_constraint: of the weight after every update.
        bias_constraint: of the bias after every update.
    """

    units: int
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    bias_initializer: Initializer = field(default=Zeros(), compare=False)
    kernel_regularizer: Regularizer | None = field(default=None, compare=False)
    bias_regularizer: Regularizer | None = field(default=None, compare=False)
    kernel_constraint: Constraint | None = field(default=None, compare=False)
    bias_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_positive("Dense", "units", self.units)
        check_activation("Dense", "activation", self.activation)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The last axis becomes ``units``."""
        known_size("Dense", shapes[0])
        return (*shapes[0][:-1], self.units)


def known_size(owner: str, shape: Shape) -> int:
    """The size of the last axis; raises ValueError where it is open or there is none."""
    size = shape[-1] if shape else None
    if size is None:
        raise ValueError(f"{owner}: the last axis must have a known size; got {shape}.")
    return size
