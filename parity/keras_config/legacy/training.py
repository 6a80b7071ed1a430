"""``training=True`` in a call is left out where it switches on noise alone."""

from typing import Any

from parity.keras_config.legacy.builtin import KNOWN
from parity.keras_config.legacy.written import Written

OTHER_IN_TRAINING = ("BatchNormalization",)
MODELS = ("Functional", "Sequential")
INSIDE = ("layer", "backward_layer", "cell")
LISTS_INSIDE = ("cells", "layers")


def without_training(
    kwargs: dict[str, Any], layer: dict[str, Any], what: str, written: Written
) -> dict[str, Any]:
    """The arguments of a call as a prediction takes them.

    Dropout that a model keeps in its predictions draws anew each time, so no two of them agree; we
    convert the model with dropout off, as its own ``training=False`` is. A layer that computes
    something else in training, or may, keeps the argument, to be refused.

    Args:
        kwargs: the arguments.
        layer: the normalised layer that is called.
        what: the layer, for the note.
        written: what wrote the file.
    """
    if kwargs.get("training") not in (True, 1) or not _has_noise_alone(layer):
        return kwargs
    written.note(
        f"{what} is called with training=True, which keeps its dropout on in predictions; it is "
        "converted with dropout off."
    )
    return {name: value for name, value in kwargs.items() if name != "training"}


def _has_noise_alone(layer: Any) -> bool:
    """Whether a layer, and every one inside it, computes the same in training but for noise."""
    config = layer.get("config", {})
    inside = [config[key] for key in INSIDE if isinstance(config.get(key), dict)]
    for key in LISTS_INSIDE:
        inside += config.get(key) or []
    known = layer["class_name"] in KNOWN and layer["class_name"] not in OTHER_IN_TRAINING
    is_model = layer["class_name"] in MODELS
    return (known or is_model) and all(_has_noise_alone(one) for one in inside)
