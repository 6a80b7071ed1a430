"""A file's weights become arrays by the paths of the weight table."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from parity.keras_files.file import KerasFile
from parity.keras_files.legacy import read_legacy
from parity.keras_files.places import Place, places
from parity.keras_files.refusals import refusal
from parity.keras_files.store import read_store
from parity.keras_files.weight_forms import WEIGHT_FORMS
from parity.layout import Row


def read_weights(
    file: KerasFile,
    config: Mapping[str, Any],
    rows: Iterable[Row],
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """The weights of a model.

    Args:
        file: with weights, and perhaps with the model's config.
        config: of the model, normalised.
        rows: of the model's weight table.
        shapes: what the arrays must be, by `Row.keras`. Given, nothing is read that does not fit.

    Returns:
        Arrays by `Row.keras`, finite, as float16, float32 or float64, whichever the file has.

    Raises:
        ParityUnavailable: the file has no weights, or not those of this model, or is damaged.
    """
    known = shapes or {}
    paths = [row.keras for row in rows]
    if file.weights is None:
        raise refusal(
            file.path,
            f"a {file.container} without weights. Give the file with the model's weights too.",
        )
    with file.weights.opened() as root:
        if file.weights.layout == "store":
            found = places(config, paths, file.config or None)
            arrays = read_store(file.path, root, found, known)
        else:
            found = places(config, paths)
            arrays = read_legacy(file.path, root, found, known, by_name=bool(file.config))
    read = {
        row: array
        for (_, form), each in groupby(found, key=lambda place: (place.leaf, place.weight_form))
        for row, array in _canonical(list(each), form, arrays)
    }
    for row, array in read.items():
        if row in known and array.shape != known[row]:
            raise refusal(
                file.path, f"weight {row} has the shape {array.shape}; expected {known[row]}."
            )
    return read


def _canonical(
    found: list[Place], form: str | None, arrays: Mapping[str, list[np.ndarray]]
) -> Iterable[tuple[str, np.ndarray]]:
    """A layer's arrays in Keras 3's form, by row."""
    if form is None or found[0].row not in arrays or len(arrays[found[0].row]) == 1 < len(found):
        return [(place.row, arrays[place.row][0]) for place in found]
    canonical = WEIGHT_FORMS[form].canonical(arrays[found[0].row])
    return zip((place.row for place in found), canonical, strict=True)
