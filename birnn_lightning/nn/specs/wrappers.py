"""The specs of the layers that run another layer."""

from dataclasses import dataclass

from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.core import Input
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.recurrent import Bidirectional, Recurrent, RecurrentStack
from birnn_lightning.nn.specs.submodel import Submodel


@dataclass(frozen=True, kw_only=True)
class TimeDistributed(LayerSpec):
    """Runs a layer on every step by itself; the mask passes.

    A layer that uses a mask, or one inside a model, gets the step's: that is ``(batch,)`` where the
    mask is ``(batch, time)``, which those that need one for their own steps refuse.

    Attributes:
        layer: of one input and one output, without states that outlive a call.
    """

    layer: LayerSpec

    def __post_init__(self) -> None:
        """Checks the layer."""
        super().__post_init__()
        if isinstance(self.layer, Input) or 1 not in self.layer.input_counts():
            raise ValueError(
                f"TimeDistributed: layer must take one input; got {type(self.layer).__name__}."
            )
        if any(one.activity_regularizer for one in (self.layer, *_directions(self.layer))):
            raise ValueError(
                "TimeDistributed: layer must not have an activity_regularizer, which Keras would "
                "not look at. Give it to TimeDistributed itself."
            )
        inner = self.layer.forward if isinstance(self.layer, Bidirectional) else self.layer
        if getattr(inner, "return_state", False):
            raise ValueError("TimeDistributed: layer must not have return_state=True.")
        if is_stateful(self.layer):
            raise ValueError("TimeDistributed: layer must not have stateful=True.")

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, ...)`` to ``(time, ...)``: what the layer makes of the rest."""
        if len(shapes[0]) < 2:
            raise ValueError(
                "TimeDistributed: its input must have the axes (batch, time, ...) and one more; "
                f"got {shapes[0]}."
            )
        inner = self.layer.output_shapes(shapes[0][1:])
        if len(inner) != 1:
            raise ValueError(f"TimeDistributed: layer must have one output; got {len(inner)}.")
        return (shapes[0][0], *inner[0])


def is_stateful(layer: LayerSpec) -> bool:
    """Whether a layer, or one inside it, keeps its states between calls."""
    if isinstance(layer, Submodel):
        return any(is_stateful(node.layer) for node in layer.model.nodes)
    inner = layer.forward if isinstance(layer, Bidirectional) else layer
    return bool(getattr(inner, "stateful", False))


def regularizes_outputs(layer: LayerSpec) -> bool:
    """Whether a layer, or one inside it, has an activity regulariser."""
    if layer.activity_regularizer is not None:
        return True
    if isinstance(layer, Submodel):
        return any(regularizes_outputs(node.layer) for node in layer.model.nodes)
    inner = (layer.layer,) if isinstance(layer, TimeDistributed) else _directions(layer)
    return any(map(regularizes_outputs, inner))


def _directions(layer: LayerSpec) -> tuple[Recurrent | RecurrentStack, ...]:
    return layer.directions if isinstance(layer, Bidirectional) else ()
