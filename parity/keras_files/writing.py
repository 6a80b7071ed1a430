"""Weights are written where Keras 3 looks for them."""

from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from parity.keras_files.places import Place, places
from parity.keras_files.store import LAYERS

COUNTED = ("Normalization",)
"""Classes that keep a number of batches after their weights, which nothing is computed from."""


def write_weights(
    h5_file: h5py.Group, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Writes a model's weights as Keras 3 writes a ``.weights.h5`` file.

    Args:
        h5_file: empty, open for writing.
        config: of the model, as Keras 3 writes it.
        arrays: by `Row.keras`, those of one owner in the order of Keras's variables.

    Raises:
        ParityUnavailable: an array of a layer that the config does not have.
    """
    owners: dict[str, list[Place]] = {}
    for place in places(config, arrays):
        owners.setdefault(place.owner(LAYERS), []).append(place)
    for owner, its_places in owners.items():
        group = h5_file.create_group(f"{owner}/vars")
        values: Iterable[np.ndarray] = [arrays[place.row] for place in its_places]
        if its_places[0].class_name in COUNTED:
            values = [*values, np.zeros((), np.int64)]
        for index, array in enumerate(values):
            group.create_dataset(str(index), data=array)
    h5_file.require_group("vars")
