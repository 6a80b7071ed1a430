"""Whatever the order of an input's axes, torch's windows find the features before space."""

from torch import Tensor
from torch.nn import functional

from birnn_lightning.nn.specs.space import Sequences
from birnn_lightning.nn.specs.windows import padding_amounts


def features_first(values: Tensor, spec: Sequences) -> Tensor:
    """An input of the layer as ``(batch, feature, *space)``."""
    return values if spec.channels_first else values.movedim(-1, 1)


def features_placed(values: Tensor, spec: Sequences) -> Tensor:
    """``(batch, feature, *space)`` with the features where the layer has them."""
    return values if spec.channels_first else values.movedim(1, -1)


def window_padded(
    values: Tensor, spans: tuple[int, ...], strides: tuple[int, ...], padding: str, fill: float = 0
) -> Tensor:
    """``(batch, feature, *space)`` with what TensorFlow adds around it.

    Args:
        values: the tensor.
        spans: steps from the first to the last of a window, both included, for each axis.
        strides: steps from one window to the next.
        padding: ``"valid"``, ``"same"`` or ``"causal"``.
        fill: the value of what is added.
    """
    each = zip(values.shape[2:], spans, strides, strict=True)
    pairs = [padding_amounts(size, span, step, padding) for size, span, step in each]
    return around(values, pairs, fill)


def around(values: Tensor, pairs: list[tuple[int, int]], fill: float = 0) -> Tensor:
    """``(batch, feature, *space)`` with this much before and after, for each axis of space."""
    amounts = [amount for pair in reversed(pairs) for amount in pair]
    return functional.pad(values, amounts, value=fill)
