"""Every layer maps masked tensors to a masked tensor, and a spec to its layer."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch import nn

from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.noise import NoiseSource
from birnn_lightning.nn.specs import LayerSpec, Shape
from birnn_lightning.nn.unread import Unread
from birnn_lightning.nn.variables import Variable

LayerBuilder = Callable[..., "Layer"]
_BUILDERS: dict[type[LayerSpec], LayerBuilder] = {}
_B = TypeVar("_B", bound=LayerBuilder)


class Layer(nn.Module):
    """A module that says what it does with the mask.

    Attributes:
        noise: where its randomness in training comes from; None for torch's own generator.
    """

    noise: NoiseSource | None = None

    def forward(self, *inputs: Masked) -> Masked | tuple[Masked, ...]:
        """Computes the output and its mask, or several."""
        raise NotImplementedError

    def unread(self, *inputs: Any) -> Unread | None:
        """As `forward`, for a layer that reads what is `Unread`; None where it is not so simple.

        Never asked where there are gradients.
        """
        return None

    @property
    def reads_unread(self) -> bool:
        """Whether its first input may be `Unread` now."""
        return False

    @property
    def has_hooks(self) -> bool:
        """Whether somebody wants to see, or to change, what enters or leaves."""
        return bool(self._forward_hooks or self._forward_pre_hooks or "forward" in vars(self))

    def variables(self) -> Iterator[Variable]:
        """What it trains, under Keras's names within the layer."""
        yield from ()


def layer_for(kind: type[LayerSpec]) -> Callable[[_B], _B]:
    """Registers a class (built from ``(spec, *input shapes)``) as the layer of a spec."""

    def register(builder: _B) -> _B:
        _BUILDERS[kind] = builder
        return builder

    return register


def build_layer(spec: LayerSpec, *shapes: Shape) -> Layer:
    """The module that computes ``spec`` for inputs of these shapes (without the batch axis)."""
    return _BUILDERS[type(spec)](spec, *shapes)
