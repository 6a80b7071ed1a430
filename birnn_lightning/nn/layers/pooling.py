"""The layers that summarise time or images; none of them passes a mask on."""

import torch
from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.space import features_first, features_placed, window_padded
from birnn_lightning.nn.masks import Masked, check_mask

_OfImages = specs.GlobalMaxPooling2D | specs.GlobalAveragePooling2D
_OfWindows = (
    specs.MaxPooling1D | specs.MaxPooling2D | specs.AveragePooling1D | specs.AveragePooling2D
)
MAXIMUM = {1: functional.max_pool1d, 2: functional.max_pool2d}
MEAN = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


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


class _GlobalPooling2D(Layer):
    """Summarises every channel of an image."""

    def __init__(self, spec: _OfImages, shape: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.keepdims = spec.keepdims
        self.axes = (2, 3) if spec.channels_first else (1, 2)


@layer_for(specs.GlobalMaxPooling2D)
class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest value of an image, channel by channel."""

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, height, width, channel)`` to ``(batch, [1, 1,] channel)``."""
        ((values, _),) = inputs
        return Masked(values.amax(self.axes, keepdim=self.keepdims))


@layer_for(specs.GlobalAveragePooling2D)
class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of an image, channel by channel."""

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, height, width, channel)`` to ``(batch, [1, 1,] channel)``."""
        ((values, _),) = inputs
        return Masked(values.mean(self.axes, keepdim=self.keepdims))


class _Pooling(Layer):
    """Summarises each window; the mask is dropped."""

    def __init__(self, spec: _OfWindows, shape: specs.Shape) -> None:
        """Takes the window."""
        super().__init__()
        self.spec = spec

    def pooled(self, values: Tensor) -> Tensor:
        """``(batch, feature, *space)`` to ``(batch, feature, *windows)``."""
        raise NotImplementedError

    def padded(self, values: Tensor, fill: float) -> Tensor:
        """``(batch, feature, *space)`` with the padding."""
        spec = self.spec
        return window_padded(values, spec.sizes, spec.steps, spec.padding, fill)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, *space, feature)`` to ``(batch, *windows, feature)``."""
        ((values, _),) = inputs
        return Masked(features_placed(self.pooled(features_first(values, self.spec)), self.spec))


class _MaxPooling(_Pooling):
    """The largest value of each window."""

    def pooled(self, values: Tensor) -> Tensor:
        """What is outside never is the largest."""
        pool, spec = MAXIMUM[self.spec.rank], self.spec
        return pool(self.padded(values, float("-inf")), spec.sizes, spec.steps)


class _AveragePooling(_Pooling):
    """The mean of each window, of what lies within the input."""

    def pooled(self, values: Tensor) -> Tensor:
        """The mean with zeros outside, divided by the share that lies within."""
        pool, spec = MEAN[self.spec.rank], self.spec
        ones = self.padded(torch.ones_like(values[:1, :1]), 0)
        share = pool(ones, spec.sizes, spec.steps)
        return pool(self.padded(values, 0), spec.sizes, spec.steps) / share


@layer_for(specs.MaxPooling1D)
class MaxPooling1D(_MaxPooling):
    """The largest value of each window of steps."""


@layer_for(specs.MaxPooling2D)
class MaxPooling2D(_MaxPooling):
    """The largest value of each window of an image."""


@layer_for(specs.AveragePooling1D)
class AveragePooling1D(_AveragePooling):
    """The mean of each window of steps."""


@layer_for(specs.AveragePooling2D)
class AveragePooling2D(_AveragePooling):
    """The mean of each window of an image."""
