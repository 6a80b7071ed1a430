"""The layers that only move numbers to other places; none of them passes a mask on."""

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked


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
    """All axes but the batch become one."""

    def __init__(self, spec: specs.Flatten, shape: specs.Shape) -> None:
        """Has no settings."""
        super().__init__()

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, a, b, ...)`` to ``(batch, a * b * ...)``."""
        ((values, _),) = inputs
        return Masked(values.flatten(1))


@layer_for(specs.Reshape)
class Reshape(Layer):
    """The same numbers in another shape."""

    def __init__(self, spec: specs.Reshape, shape: specs.Shape) -> None:
        """Takes the shape."""
        super().__init__()
        self.target_shape = spec.target_shape

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ...)`` to ``(batch, *target_shape)``."""
        ((values, _),) = inputs
        return Masked(values.reshape(len(values), *self.target_shape))


@layer_for(specs.Permute)
class Permute(Layer):
    """Axes in another order."""

    def __init__(self, spec: specs.Permute, shape: specs.Shape) -> None:
        """Takes the order."""
        super().__init__()
        self.dims = spec.dims

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, ...)`` to the same axes in another order, the batch first."""
        ((values, _),) = inputs
        return Masked(values.permute(0, *self.dims))
