"""The layers that summarise time; none of them passes a mask on."""

import torch
from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, check_mask
from birnn_lightning.nn.specs.windows import padding_amounts


@layer_for(specs.GlobalMaxPooling1D)
class GlobalMaxPooling1D(Layer):
    """The largest value over all steps, masked ones included, as in Keras."""

    def __init__(self, spec: specs.GlobalMaxPooling1D, shape: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.keepdims = spec.keepdims

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, [1,] feature)``."""
        ((values, _),) = inputs
        return Masked(values.amax(1, keepdim=self.keepdims))


@layer_for(specs.GlobalAveragePooling1D)
class GlobalAveragePooling1D(Layer):
    """The mean over the valid steps; NaN for a row that has none, as in Keras."""

    def __init__(self, spec: specs.GlobalAveragePooling1D, shape: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.keepdims = spec.keepdims

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, [1,] feature)``; the mask is used up."""
        ((values, mask),) = inputs
        if mask is None:
            return Masked(values.mean(1, keepdim=self.keepdims))
        check_mask(mask, *values.shape[:2])
        valid = mask[..., None]
        total = torch.where(valid, values, 0).sum(1, keepdim=self.keepdims)
        return Masked(total / valid.to(values.dtype).sum(1, keepdim=self.keepdims))


class _Pooling(Layer):
    """Summarises each window; the mask is dropped."""

    def __init__(
        self, spec: specs.MaxPooling1D | specs.AveragePooling1D, shape: specs.Shape
    ) -> None:
        """Takes the window."""
        super().__init__()
        self.size, self.strides, self.padding = spec.pool_size, spec.step, spec.padding

    def padded(self, values: Tensor, fill: float) -> Tensor:
        """``(batch, time, feature)`` to ``(batch, feature, time)`` with the padding."""
        amounts = padding_amounts(values.shape[1], self.size, self.strides, self.padding)
        return functional.pad(values.transpose(1, 2), amounts, value=fill)


@layer_for(specs.MaxPooling1D)
class MaxPooling1D(_Pooling):
    """The largest value of each window."""

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, windows, feature)``."""
        ((values, _),) = inputs
        padded = self.padded(values, float("-inf"))
        pooled = functional.max_pool1d(padded, self.size, self.strides)
        return Masked(pooled.transpose(1, 2))


@layer_for(specs.AveragePooling1D)
class AveragePooling1D(_Pooling):
    """The mean of each window, of the steps that lie within the input."""

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, windows, feature)``."""
        ((values, _),) = inputs
        ones = self.padded(torch.ones_like(values[:1, :, :1]), 0)
        mean = functional.avg_pool1d(self.padded(values, 0), self.size, self.strides)
        share = functional.avg_pool1d(ones, self.size, self.strides)
        return Masked((mean / share).transpose(1, 2))
