"""Where masks are made, and the layers that map each step by itself."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.engines.fused.embedding import can_read, embedding, refers_to
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, merge_masks
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.unread import Rows
from birnn_lightning.nn.variables import Variable, variable


def parameter(values: Tensor) -> nn.Parameter:
    """A parameter of torch's default precision with these values."""
    return nn.Parameter(values.to(torch.get_default_dtype()).contiguous())


@layer_for(specs.Masking)
class Masking(Layer):
    """Masks the steps whose features all equal ``mask_value`` and zeroes them.

    Attributes:
        keeps_entering: whether a mask that comes in is kept beside the one that is found.
    """

    keeps_entering = True

    def __init__(self, spec: specs.Masking, shape: specs.Shape) -> None:
        """Takes the value."""
        super().__init__()
        self.mask_value = spec.mask_value

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, ..., feature)``: zeroed where masked; a NaN step counts as valid."""
        ((values, mask),) = inputs
        valid = (values != self.mask_value).any(-1)
        mask = merge_masks(mask, valid) if self.keeps_entering else valid
        return Masked(torch.where(valid[..., None], values, 0), mask)


def check_tokens(tokens: Tensor, vocab_size: int) -> None:
    """Raises ValueError unless all tokens are in a vocabulary of this size."""
    if tokens.numel() and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(
            f"tokens must be between 0 and {vocab_size - 1} (vocab_size - 1); got "
            f"{int(tokens.min())} to {int(tokens.max())}. Encode with the vocabulary that the "
            "model was built for."
        ) from None


@layer_for(specs.Embedding)
class Embedding(Layer):
    """Tokens to vectors; parameter ``weight (vocab_size, embedding_dim)``.

    Attributes:
        sparse_gradients: whether the gradient of ``weight`` is sparse, with an entry for every
            token of a batch instead of their sum.
        keeps_entering: whether a mask that comes in is kept beside that of ``mask_zero``.
    """

    sparse_gradients = False
    keeps_entering = True

    def __init__(self, spec: specs.Embedding, shape: specs.Shape) -> None:
        """Draws the rows."""
        super().__init__()
        self.spec = spec
        self.mask_zero = spec.mask_zero
        rows = draw(spec.embeddings_initializer, (spec.vocab_size, spec.embedding_dim))
        self.weight = parameter(rows)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time)`` int64 to ``(batch, time, embedding_dim)``.

        Raises:
            ValueError: a token that is not in the vocabulary, or no whole number.
        """
        tokens, mask = self._valid(*inputs)
        try:
            if self.sparse_gradients:
                return Masked(functional.embedding(tokens, self.weight, sparse=True), mask)
            return Masked(embedding(tokens, self.weight), mask)
        except IndexError:
            check_tokens(tokens, len(self.weight))
            raise

    def unread(self, *inputs: Masked) -> Rows | None:
        """The rows where they lie; a hook wants the copy."""
        ((tokens, _),) = inputs
        is_plain = type(self) is Embedding and not self.has_hooks
        if not is_plain or not can_read(tokens, self.weight):
            return None
        tokens, mask = self._valid(*inputs)
        if not refers_to(tokens, self.weight):
            check_tokens(tokens, len(self.weight))
        return Rows(self.weight, tokens, mask)

    def _valid(self, entering: Masked) -> Masked:
        """The tokens, with the mask that leaves."""
        tokens, mask = entering
        if tokens.is_floating_point():
            raise ValueError(
                f"an Embedding takes tokens of type int64; got {tokens.dtype}. Declare its Input "
                "with dtype='int64'."
            )
        if self.mask_zero:
            mask = merge_masks(mask, tokens != 0) if self.keeps_entering else tokens != 0
        return Masked(tokens, mask)

    def variables(self) -> Iterator[Variable]:
        """The rows."""
        yield from variable(self.spec, "embeddings", self.weight)


@layer_for(specs.Dense)
class Dense(Layer):
    """``activation(x weightᵀ + bias)``; ``weight (units, input_size)``, ``bias (units,)``."""

    def __init__(self, spec: specs.Dense, shape: specs.Shape) -> None:
        """Draws the weights."""
        super().__init__()
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]
        size = known_size("Dense", shape)
        self.weight = parameter(draw(spec.kernel_initializer, (size, spec.units)).T)
        self.bias = parameter(draw(spec.bias_initializer, (spec.units,))) if spec.use_bias else None

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., input_size)`` to ``(batch, ..., units)``; the mask passes."""
        ((values, mask),) = inputs
        return Masked(self.activation(functional.linear(values, self.weight, self.bias)), mask)

    def variables(self) -> Iterator[Variable]:
        """Kernel and bias."""
        yield from variable(self.spec, "kernel", self.weight)
        yield from variable(self.spec, "bias", self.bias)
