"""Weights as Keras 1, 2 and 3 keep them in whole-model HDF5 files: by layer, in a list of names."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import h5py
import numpy as np

from parity.keras_config.names import module_name
from parity.keras_files.hdf5 import child, read_array, string_list, subgroup
from parity.keras_files.places import Place, inner_layers
from parity.keras_files.refusals import MAX_ENTRIES, quoted, refusal
from parity.keras_files.weight_forms import WEIGHT_FORMS

MODEL_WEIGHTS, LAYER_NAMES, WEIGHT_NAMES = "model_weights", "layer_names", "weight_names"
TOP_LEVEL = "top_level_model_weights"
VARIABLES = frozenset(
    {
        *("kernel", "recurrent_kernel", "bias", "embeddings", "gamma", "beta", "alpha"),
        *("moving_mean", "moving_variance", "mean", "variance", "scale", "concat_score_weight"),
        *("depthwise_kernel", "pointwise_kernel"),
    }
)
"""Names that Keras 2 and 3 give to variables. Keras 1 has others, which are not compared."""
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Slot:
    """What stands together in a layer's list: one variable, or a layer's arrays in an old form.

    Attributes:
        places: of the variables.
        count: how many arrays of the file they are.
    """

    places: tuple[Place, ...]
    count: int


def read_legacy(
    path: Path, root: h5py.Group, found: Sequence[Place], shapes: Shapes, by_name: bool
) -> dict[str, list[np.ndarray]]:
    """The arrays of every `Slot` by its first row.

    Args:
        path: of the file, for errors.
        root: the group with the layers.
        found: the places of the weight table's rows, in the order of the model's layers.
        shapes: of the arrays by `Row.keras`, where they are known.
        by_name: whether the layers' names are those of the model; else their order tells.

    Raises:
        ParityUnavailable: the file has other layers or weights than the model.
    """
    groups = _groups(path, root)
    layers = {name: list(each) for name, each in groupby(found, key=lambda place: place.layer)}
    names = _matched(path, list(layers), list(groups), by_name)
    arrays: dict[str, list[np.ndarray]] = {}
    for name, inside in layers.items():
        datasets = groups[names[name]]
        for slot, chosen in _assigned(path, name, inside, list(datasets)):
            arrays[slot.places[0].row] = [
                read_array(path, datasets[one], _shown(slot, one), _shape(slot, shapes))
                for one in chosen
            ]
    return arrays


def _shown(slot: Slot, dataset: str) -> str:
    return f"weight {slot.places[0].row} ({quoted(dataset)})"


def _shape(slot: Slot, shapes: Shapes) -> tuple[int, ...] | None:
    return shapes.get(slot.places[0].row) if slot.places[0].weight_form is None else None


def _groups(path: Path, root: h5py.Group) -> dict[str, dict[str, h5py.Dataset]]:
    """The layers with weights, and the weights by name in the order of the file's list.

    Whole numbers (counters, seeds) are no weights.
    """
    groups: dict[str, dict[str, h5py.Dataset]] = {}
    layer_names = string_list(path, root, LAYER_NAMES)
    if layer_names is None:
        raise refusal(path, f"has no list {LAYER_NAMES!r}; it is damaged, or not from Keras.")
    if len(set(layer_names)) < len(layer_names) or len(layer_names) > MAX_ENTRIES:
        raise refusal(path, "names a layer twice. Save the model again with distinct names.")
    for layer in [*layer_names, *([TOP_LEVEL] if TOP_LEVEL in root else [])]:
        group = subgroup(path, root, layer)
        names = string_list(path, group, WEIGHT_NAMES) or []
        if len(set(names)) < len(names) or len(names) > MAX_ENTRIES:
            raise refusal(path, f"layer {quoted(layer)} names a weight twice; it is damaged.")
        datasets = {name: child(path, group, name) for name in names}
        for name, dataset in datasets.items():
            if not isinstance(dataset, h5py.Dataset):
                raise refusal(path, f"layer {quoted(layer)} has no weight {quoted(name)}.")
        weights = {
            name: one
            for name, one in datasets.items()
            if isinstance(one, h5py.Dataset) and one.dtype.kind not in "iu"
        }
        if weights:
            groups[module_name(layer)] = weights
    return groups


def _matched(path: Path, layers: list[str], groups: list[str], by_name: bool) -> dict[str, str]:
    """The file's name of every layer of the model that has weights."""
    if set(layers) == set(groups) and (by_name or layers == groups):
        return {name: name for name in layers}
    if by_name or len(layers) != len(groups):
        raise refusal(
            path,
            f"has weights of {len(groups)} layers ({_some(groups)}); the model needs those of "
            f"{len(layers)} ({_some(layers)}). Do file and model belong together?",
        )
    if set(layers) == set(groups):
        raise refusal(
            path,
            f"has the model's layers in another order ({_some(groups)}; the model: "
            f"{_some(layers)}), so names and order tell different things. Save the whole model.",
        )
    return dict(zip(layers, groups, strict=True))


def _some(names: list[str]) -> str:
    return ", ".join(quoted(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")


def _assigned(
    path: Path, layer: str, inside: Sequence[Place], names: list[str]
) -> Iterator[tuple[Slot, list[str]]]:
    """Which of the file's names belong to which slot of a layer."""
    slots = list(_slots(inside))
    needed = sum(slot.count for slot in slots)
    if len(names) != needed:
        raise refusal(
            path,
            f"layer {quoted(layer)} has {len(names)} weights ({_some(names)}); the model needs "
            f"{needed}: {', '.join(place.row for place in inside)}.",
        )
    for order in ORDERS:
        ordered = sorted(slots, key=order)
        starts = [sum(slot.count for slot in ordered[:index]) for index in range(len(ordered))]
        pairs = [
            (slot, names[start : start + slot.count])
            for slot, start in zip(ordered, starts, strict=True)
        ]
        known = inner_layers(inside) - {layer}
        if all(_fits(slot, name, known) for slot, chosen in pairs for name in chosen):
            return iter(pairs)
    raise refusal(
        path,
        f"layer {quoted(layer)} has the weights {_some(names)}, which are not what the model "
        f"needs: {', '.join(place.row for place in inside)}.",
    )


def _slots(inside: Sequence[Place]) -> Iterator[Slot]:
    for (_, form), each in groupby(inside, key=lambda one: (one.leaf, one.weight_form)):
        places = tuple(each)
        if form is None:
            yield from (Slot((place,), 1) for place in places)
        else:
            yield Slot(places, WEIGHT_FORMS[form].count)


def _is_frozen(slot: Slot) -> bool:
    return not all(all(place.trainable) for place in slot.places)


def _is_not_trained(slot: Slot) -> bool:
    """Whether the variable or its own layer is not trained; models around it do not matter."""
    return not all(place.trainable[0] and place.trainable[-1] for place in slot.places)


def _is_statistic(slot: Slot) -> bool:
    return not all(place.trainable[0] for place in slot.places)


def _as_it_stands(slot: Slot) -> bool:
    return False


# What is trained stands first. Versions differ in whether a frozen model freezes what is in it.
ORDERS: tuple[Callable[[Slot], bool], ...] = (
    _is_frozen,
    _is_not_trained,
    _is_statistic,
    _as_it_stands,
)


def _fits(slot: Slot, name: str, known: frozenset[str]) -> bool:
    """Whether the file's name of a weight can be one of the slot's."""
    *around, last = name.split("/")
    variable = re.sub(r"(_\d+)?(:\d+)?$", "", last)
    named = [part for part in around if part in known]
    if named and named[-1] not in slot.places[0].layers:
        return False
    is_new = slot.places[0].weight_form is None and variable in VARIABLES
    return not is_new or variable == slot.places[0].variable.removeprefix("adapt_")
