"""The layers that stand around the recurrent ones, each with what it does with the mask."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from birnn_lightning.nn import initializers, specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, merge_masks


def known_size(shape: specs.Shape) -> int:
    """The size of the last axis; raises ValueError where it is open."""
    size = shape[-1]
    if size is None:
        raise ValueError(f"the last axis must have a known size; got {shape}.")
    return size


@layer_for(specs.Masking)
class Masking(Layer):
    """Masks the steps whose features all equal ``mask_value`` and zeroes them."""

    def __init__(self, spec: specs.Masking, shape: specs.Shape) -> None:
        """Takes the value."""
        super().__init__()
        self.mask_value = spec.mask_value

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)``: zeroed where masked; a NaN step counts as valid."""
        ((values, mask),) = inputs
        valid = (values != self.mask_value).any(-1)
        return Masked(values * valid[..., None], merge_masks(mask, valid))


@layer_for(specs.Embedding)
class Embedding(Layer):
    """Tokens to vectors; parameter ``weight (vocab_size, embedding_dim)``."""

    def __init__(self, spec: specs.Embedding, shape: specs.Shape) -> None:
        """Draws the rows from U(-0.05, 0.05)."""
        super().__init__()
        self.mask_zero = spec.mask_zero
        self.weight = nn.Parameter(torch.empty(spec.vocab_size, spec.embedding_dim))
        initializers.embedding_uniform_(self.weight)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time)`` int64 to ``(batch, time, embedding_dim)``."""
        ((tokens, mask),) = inputs
        if self.mask_zero:
            mask = merge_masks(mask, tokens != 0)
        try:
            return Masked(functional.embedding(tokens, self.weight), mask)
        except IndexError:
            raise ValueError(
                f"tokens must be between 0 and {len(self.weight) - 1} (vocab_size - 1); got "
                f"{int(tokens.min())} to {int(tokens.max())}. Encode with the vocabulary that the "
                "model was built for."
            ) from None


@layer_for(specs.Dropout)
class Dropout(Layer):
    """Inverted dropout in training, nothing otherwise."""

    def __init__(self, spec: specs.Dropout, shape: specs.Shape) -> None:
        """Takes the rate."""
        super().__init__()
        self.rate = spec.rate

    def forward(self, *inputs: Masked) -> Masked:
        """Any shape, unchanged."""
        ((values, mask),) = inputs
        return Masked(functional.dropout(values, self.rate, self.training), mask)


@layer_for(specs.Dense)
class Dense(Layer):
    """``activation(x weightᵀ + bias)``; ``weight (units, input_size)``, ``bias (units,)``."""

    def __init__(self, spec: specs.Dense, shape: specs.Shape) -> None:
        """Draws glorot-uniform weights and zero biases."""
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.weight = nn.Parameter(torch.empty(spec.units, known_size(shape)))
        self.bias = nn.Parameter(torch.zeros(spec.units)) if spec.use_bias else None
        initializers.glorot_uniform_(self.weight)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ..., input_size)`` to ``(batch, ..., units)``; the mask passes."""
        ((values, mask),) = inputs
        return Masked(self.activation(functional.linear(values, self.weight, self.bias)), mask)


@layer_for(specs.RepeatVector)
class RepeatVector(Layer):
    """Repeats a vector along a new time axis."""

    def __init__(self, spec: specs.RepeatVector, shape: specs.Shape) -> None:
        """Takes the count."""
        super().__init__()
        self.n = spec.n

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, feature)`` to ``(batch, n, feature)``."""
        ((values, _),) = inputs
        return Masked(values[:, None].expand(-1, self.n, -1))


@layer_for(specs.Flatten)
class Flatten(Layer):
    """All axes but the batch become one; the mask is dropped."""

    def __init__(self, spec: specs.Flatten, shape: specs.Shape) -> None:
        """Has no settings."""
        super().__init__()

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, a, b, ...)`` to ``(batch, a * b * ...)``."""
        ((values, _),) = inputs
        return Masked(values.flatten(1))


@layer_for(specs.GlobalMaxPooling1D)
class GlobalMaxPooling1D(Layer):
    """The largest value over all steps, masked ones included, as in Keras."""

    def __init__(self, spec: specs.GlobalMaxPooling1D, shape: specs.Shape) -> None:
        """Has no settings."""
        super().__init__()

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, feature)``; the mask is dropped."""
        ((values, _),) = inputs
        return Masked(values.amax(1))


@layer_for(specs.GlobalAveragePooling1D)
class GlobalAveragePooling1D(Layer):
    """The mean over the valid steps; NaN for a row that has none, as in Keras."""

    def __init__(self, spec: specs.GlobalAveragePooling1D, shape: specs.Shape) -> None:
        """Has no settings."""
        super().__init__()

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, feature)``; the mask is used up."""
        ((values, mask),) = inputs
        if mask is None:
            return Masked(values.mean(1))
        weights = mask[..., None].to(values.dtype)
        return Masked((values * weights).sum(1) / weights.sum(1))


@layer_for(specs.Attention)
class Attention(Layer):
    """Dot-product attention, masked where the value is masked (Luong et al. 2015)."""

    def __init__(self, spec: specs.Attention, *shapes: specs.Shape) -> None:
        """Has no settings."""
        super().__init__()

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, q, feature)`` and ``(batch, time, feature)`` to ``(batch, q, feature)``."""
        (query, query_mask), (value, value_mask) = inputs
        scores = query @ value.transpose(1, 2)
        if value_mask is not None:
            scores = torch.where(value_mask[:, None], scores, scores - _large(scores))
        attended = torch.softmax(scores, dim=-1) @ value
        if query_mask is not None:
            attended = torch.where(query_mask[..., None], attended, 0)
        return Masked(attended, query_mask)


def _large(scores: Tensor) -> float:
    """What Keras subtracts from a masked score: 1e9, or float16's largest finite value."""
    return 65504.0 if scores.dtype == torch.float16 else 1e9
