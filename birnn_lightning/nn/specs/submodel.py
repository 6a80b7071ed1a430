"""A whole model is a layer of another one."""

from dataclasses import dataclass
from typing import Any

from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.graph import ModelSpec
from birnn_lightning.nn.specs.layer import LayerSpec


@dataclass(frozen=True, kw_only=True)
class Submodel(LayerSpec):
    """Runs a model inside a model; masks enter it with its inputs and leave with its outputs.

    Attributes:
        model: the inner model; in a config the list that `ModelSpec.to_config` makes.
    """

    model: ModelSpec

    def input_counts(self) -> tuple[int, ...]:
        """One tensor for each of its inputs."""
        return (len(self.model.inputs),)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The first output's shape for these input shapes."""
        return self.output_shapes(*shapes)[0]

    def output_shapes(self, *shapes: Shape) -> tuple[Shape, ...]:
        """The shape of every output; raises ValueError where an input does not fit."""
        for node, shape in zip(self.model.inputs, shapes, strict=True):
            wanted = node.layer.output_shape()
            fits = len(wanted) == len(shape) and all(
                None in (want, size) or want == size
                for want, size in zip(wanted, shape, strict=True)
            )
            if not fits:
                raise ValueError(
                    f"Submodel: its input {node.name!r} must have the shape {wanted}; got {shape}."
                )
        inner = self.model.shapes(*shapes)
        return tuple(inner[output] for output in self.model.outputs)

    def to_config(self) -> dict[str, Any]:
        """The spec as nested primitives."""
        return {**super().to_config(), "model": self.model.to_config()}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Submodel":
        """The spec that `to_config` described."""
        return cls(**{**values, "model": ModelSpec.from_config(values["model"])})
