"""Layers of a user's own: models name them, code provides them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from birnn_lightning.nn.specs.base import Shape
from birnn_lightning.nn.specs.layer import LayerSpec

_TRIALS = ((3, 5), (3, 7))
"""Sizes of the batch and of open axes in two trials of the shapes."""


@dataclass(frozen=True, kw_only=True)
class CustomLayer:
    """What stands for a layer class that is no standard one.

    Attributes:
        build: from the layer's settings (those of the Keras config) and the input shapes, without
            the batch axis, to a module. It is called with the input tensors, and with the keyword
            ``mask`` (``(batch, time)`` bool or None) if it ``uses_mask``, and returns a tensor.
        weights: names of the layer's Keras variables, in Keras's order, and of the module's
            parameters that hold the same arrays; ``name.T`` for the transposed one.
        uses_mask: whether the module takes the mask of its first input.
        mask: whether that mask ``passes`` on with the output, as in a Keras layer that
            ``supports_masking``, or the layer ``drops`` it.
    """

    build: Callable[..., nn.Module]
    weights: Mapping[str, str] = field(default_factory=dict)
    uses_mask: bool = False
    mask: Literal["passes", "drops"] = "drops"


CUSTOM_LAYERS: dict[str, CustomLayer] = {}
"""The custom layers that this process knows, by class name."""


def register_custom_layer(class_name: str, layer: CustomLayer) -> None:
    """Makes a custom layer known, so that models with it can be built, loaded and converted."""
    CUSTOM_LAYERS[class_name] = layer


def custom_layer(class_name: str) -> CustomLayer:
    """The registered layer of a class; raises ValueError where there is none."""
    if class_name not in CUSTOM_LAYERS:
        raise ValueError(
            f"the model has a custom layer of class {class_name!r}, which is not registered. Call "
            f"birnn_lightning.register_custom_layer({class_name!r}, CustomLayer(...)) first."
        )
    return CUSTOM_LAYERS[class_name]


@dataclass(frozen=True, kw_only=True)
class Custom(LayerSpec):
    """A layer that `register_custom_layer` made known; nothing but its name and settings is here.

    Attributes:
        class_name: under which it is registered.
        settings: of the layer, as JSON.
    """

    class_name: str
    settings: str = "{}"

    def build(self, *shapes: Shape) -> nn.Module:
        """The module for inputs of these shapes."""
        return custom_layer(self.class_name).build(json.loads(self.settings), *shapes)

    def input_counts(self) -> tuple[int, ...]:
        """Any number."""
        return ()

    def output_shape(self, *shapes: Shape) -> Shape:
        """Found by trying, without computing anything."""
        first, second = (self._trial(shapes, *sizes) for sizes in _TRIALS)
        return tuple(
            size if size == other else None
            for size, other in zip(first[1:], second[1:], strict=True)
        )

    def _trial(self, shapes: tuple[Shape, ...], batch: int, open_size: int) -> torch.Size:
        with torch.device("meta"):
            module = self.build(*shapes)
            inputs = [torch.empty(batch, *(size or open_size for size in s)) for s in shapes]
            uses_mask = custom_layer(self.class_name).uses_mask
            mask = {"mask": torch.ones(inputs[0].shape[:2], dtype=torch.bool)} if uses_mask else {}
            output = module(*inputs, **mask)
        if not isinstance(output, Tensor) or output.shape[:1] != (batch,):
            raise ValueError(
                f"the custom layer {self.class_name!r} must return one tensor with the batch as "
                f"first axis; got {output.shape if isinstance(output, Tensor) else type(output)}."
            )
        return output.shape


def settings_of(config: Mapping[str, Any]) -> str:
    """A Keras layer's settings as `Custom.settings`, without what every layer has."""
    kept = {
        key: value for key, value in config.items() if key not in ("name", "trainable", "dtype")
    }
    return json.dumps(kept, sort_keys=True)
