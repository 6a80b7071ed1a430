"""The layers that add steps or pixels, take some away, or repeat them; masks are dropped."""

from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.space import around, features_first, features_placed
from birnn_lightning.nn.masks import Masked

_Padding = specs.ZeroPadding1D | specs.ZeroPadding2D
_Crop = specs.Cropping1D | specs.Cropping2D
_Sampling = specs.UpSampling1D | specs.UpSampling2D
_Spec = _Padding | _Crop | _Sampling


class _Moving(Layer):
    """Moves numbers along the axes of space."""

    def __init__(self, spec: _Spec, shape: specs.Shape) -> None:
        """Takes the settings."""
        super().__init__()
        self.spec = spec

    def moved(self, values: Tensor) -> Tensor:
        """``(batch, feature, *space)`` to ``(batch, feature, *other space)``."""
        raise NotImplementedError

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, *space, feature)`` to ``(batch, *other space, feature)``."""
        ((values, _),) = inputs
        return Masked(features_placed(self.moved(features_first(values, self.spec)), self.spec))


class _ZeroPadding(_Moving):
    """Zeros around the input."""

    spec: _Padding

    def moved(self, values: Tensor) -> Tensor:
        """Adds the zeros."""
        return around(values, list(self.spec.amounts))


class _Cropping(_Moving):
    """The input without its edges."""

    spec: _Crop

    def moved(self, values: Tensor) -> Tensor:
        """Takes the edges away; raises ValueError where nothing is left."""
        self.spec.cropped(tuple(values.shape[2:]))
        return around(values, [(-before, -after) for before, after in self.spec.amounts])


class _UpSampling(_Moving):
    """Each step or pixel several times."""

    spec: _Sampling

    def moved(self, values: Tensor) -> Tensor:
        """Repeats along every axis of space."""
        for axis, times in enumerate(self.spec.each(self.spec.size), start=2):
            values = values.repeat_interleave(times, dim=axis)
        return values


@layer_for(specs.ZeroPadding1D)
class ZeroPadding1D(_ZeroPadding):
    """Steps of zeros."""


@layer_for(specs.ZeroPadding2D)
class ZeroPadding2D(_ZeroPadding):
    """Pixels of zeros."""


@layer_for(specs.Cropping1D)
class Cropping1D(_Cropping):
    """Steps taken away."""


@layer_for(specs.Cropping2D)
class Cropping2D(_Cropping):
    """Pixels taken away."""


@layer_for(specs.UpSampling1D)
class UpSampling1D(_UpSampling):
    """Steps repeated."""


@layer_for(specs.UpSampling2D)
class UpSampling2D(_UpSampling):
    """Pixels repeated."""
