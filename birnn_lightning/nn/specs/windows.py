"""What convolution and pooling share: a window that slides along time, or over an image."""

from typing import Literal

from birnn_lightning.nn.specs.base import Shape, check_choice, check_positive

Padding = Literal["valid", "same", "causal"]


def check_window(owner: str, padding: str, paddings: tuple[str, ...], **sizes: int) -> None:
    """Raises ValueError unless the sizes are positive and the padding is one of ``paddings``."""
    for name, size in sizes.items():
        check_positive(owner, name, size)
    check_choice(owner, "padding", padding, paddings)


def output_time(owner: str, time: int | None, span: int, strides: int, padding: str) -> int | None:
    """How many windows there are.

    Args:
        owner: the layer, for the error.
        time: steps of the input; None where open.
        span: steps from the first to the last of a window, both included.
        strides: steps from one window to the next.
        padding: ``"valid"`` counts the windows that lie within the input; ``"same"`` and
            ``"causal"`` start one every ``strides`` steps.

    Raises:
        ValueError: there is no window.
    """
    if time is None:
        return None
    if padding != "valid":
        return -(-time // strides)
    if time < span:
        raise ValueError(
            f"{owner}: a window spans {span} steps, but the input has {time}. Use padding='same', "
            "or a smaller window."
        )
    return (time - span) // strides + 1


def padding_amounts(time: int, span: int, strides: int, padding: str) -> tuple[int, int]:
    """Steps that are added ``(before, after)`` the input, as TensorFlow counts them."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return span - 1, 0
    total = max((-(-time // strides) - 1) * strides + span - time, 0)
    return total // 2, total - total // 2


def window_counts(
    owner: str, space: Shape, spans: tuple[int, ...], strides: tuple[int, ...], padding: str
) -> Shape:
    """How many windows there are along each axis of space; see `output_time`."""
    each = zip(space, spans, strides, strict=True)
    return tuple(output_time(owner, size, span, step, padding) for size, span, step in each)
