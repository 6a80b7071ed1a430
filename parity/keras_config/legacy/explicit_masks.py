"""A mask that Keras 3 forgets beside initial states is given by hand, as Keras 3 lets one do."""

from typing import Any

from parity.keras_config.legacy.calls import Call, tensor
from parity.keras_config.legacy.layers import Config
from parity.results import ParityUnavailable

NUMPY = "keras.src.ops.numpy"


def with_mask(config: Config, layer: Config, call: Call, mask: Any) -> None:
    """Adds the operations that compute a mask to a functional model, and the mask to a call.

    Args:
        config: the model's normalised config; changed in place.
        layer: the recurrent layer.
        call: its call; changed in place.
        mask: the expression of the mask, see `parity.keras_config.legacy.masks`.

    Raises:
        ParityUnavailable: a mask of more than one layer's making.
    """
    makers = {one["name"]: one for one in config["layers"]}
    maker = makers.get(mask[1]) if mask[0] == "made" and len(mask) == 2 else None
    if maker is None or len(maker["inbound_nodes"]) != 1:
        raise ParityUnavailable(
            f"layer {layer['name']!r} is given initial states, and beside them Keras 3 forgets "
            "its mask, which comes from more than one layer. Take the mask away."
        )
    source = maker["inbound_nodes"][0]["args"][0]
    value = maker["config"].get("mask_value", 0) if maker["class_name"] == "Masking" else 0
    name = f"{maker['name']}_mask"
    if name not in makers:
        compared = name if maker["class_name"] == "Embedding" else f"{maker['name']}_not_equal"
        added = [_operation("NotEqual", compared, [source, value])]
        if maker["class_name"] == "Masking":
            settings = {"axis": -1, "keepdims": False}
            added.append(_operation("Any", name, [tensor(compared, 0, 0)], **settings))
        position = config["layers"].index(maker)
        config["layers"][position:position] = added
    call["kwargs"]["mask"] = tensor(name, 0, 0)


def _operation(class_name: str, name: str, args: list[Any], **settings: Any) -> Config:
    return {
        "module": NUMPY,
        "class_name": class_name,
        "config": {"name": name, **settings},
        "registered_name": class_name,
        "name": name,
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }
