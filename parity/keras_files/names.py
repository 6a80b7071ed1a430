"""Keras's weight files call an object by its class, and number those of one class in a list."""

import re
from collections.abc import Iterator, Sequence


def snake_case(class_name: str) -> str:
    """``LSTMCell`` as ``lstm_cell``: Keras's rule (``keras/src/utils/naming.py``)."""
    parted = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", parted).lower()


def numbered(class_names: Sequence[str]) -> Iterator[str]:
    """What a file calls the objects of a list, e.g. ``lstm``, ``dense``, ``lstm_1``."""
    counts: dict[str, int] = {}
    for class_name in class_names:
        name = snake_case(class_name)
        count = counts.get(name, 0)
        counts[name] = count + 1
        yield f"{name}_{count}" if count else name
