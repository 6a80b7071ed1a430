"""Weights as Keras 2.12 and later keep them in zips and ``.weights.h5`` files, by object path."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from parity.keras_files.hdf5 import child, names, read_array
from parity.keras_files.places import Place
from parity.keras_files.refusals import MAX_ENTRIES, MAX_HDF5_DEPTH, quoted, refusal

LAYERS, DEPENDENCIES = "layers", "_layer_checkpoint_dependencies"
"""What the list of a model's layers is called: today, and in Keras 2.12 and 2.13."""
Shapes = Mapping[str, tuple[int, ...]]
Owners = Mapping[str, h5py.Group]


def is_store(root: h5py.Group) -> bool:
    """Whether a file's names are those of this layout."""
    return any(
        name.replace("\\", "/").split("/")[0] in (LAYERS, DEPENDENCIES) for name in names(root)
    )


def read_store(
    path: Path, root: h5py.Group, found: Sequence[Place], shapes: Shapes
) -> dict[str, list[np.ndarray]]:
    """The arrays of every layer by its place's ``leaf``, in the order of its variables.

    Args:
        path: of the file, for errors.
        root: of the HDF5 file.
        found: the places of the weight table's rows.
        shapes: of the arrays by `Row.keras`, where they are known.

    Raises:
        ParityUnavailable: the file has other layers or weights than the model.
    """
    owners = _owners(path, root)
    paths = _paths(path, found, owners)
    _check_all_read(path, owners, set(paths.values()))
    rows: dict[str, list[str]] = {}
    for row, owner in paths.items():
        rows.setdefault(owner, []).append(row)
    return {
        row: [array]
        for owner, its_rows in rows.items()
        for row, array in _variables(path, owner, owners[owner], its_rows, shapes)
    }


def _owners(path: Path, root: h5py.Group) -> dict[str, h5py.Group]:
    """The groups of variables by the path of the object that has them, with forward slashes."""
    owners: dict[str, h5py.Group] = {}
    seen = 0
    stack: list[tuple[str, h5py.Group, int]] = [("", root, 0)]
    while stack:
        prefix, group, depth = stack.pop()
        if depth > MAX_HDF5_DEPTH:
            raise refusal(path, f"its groups are nested more than {MAX_HDF5_DEPTH} levels deep.")
        for name in names(group):
            place = f"{prefix}/{name}".replace("\\", "/").strip("/")
            if place.split("/")[0] not in (LAYERS, DEPENDENCIES):
                continue
            seen += 1
            if seen > MAX_ENTRIES:
                raise refusal(path, f"has more than {MAX_ENTRIES:,} groups and arrays.")
            one = child(path, group, name)
            if not isinstance(one, h5py.Group):
                continue
            if name != "vars":
                stack.append((place, one, depth + 1))
            elif owners.setdefault(prefix, one) is not one:
                raise refusal(path, f"has two objects of the name {quoted(prefix)}.")
    return owners


def _paths(path: Path, found: Sequence[Place], owners: Owners) -> dict[str, str]:
    """The owner's path of every row, by the way of counting that fits the file."""
    candidates = [{place.row: place.owner(LAYERS) for place in found}]
    if any(owner.startswith(DEPENDENCIES) for owner in owners):
        # Keras 2.12 and 2.13 list a layer with weights twice, and count it both times.
        doubled = frozenset(name for place in found for name in place.layers)
        candidates = [
            {place.row: place.owner(DEPENDENCIES, layers) for place in found}
            for layers in (doubled, frozenset[str]())
        ]
    fitting = [one for one in candidates if all(owner in owners for owner in one.values())]
    if fitting:
        return fitting[0]
    row, missing = next(one for one in candidates[0].items() if one[1] not in owners)
    raise refusal(
        path,
        f"has no weights at {quoted(missing)} for {row}. It has "
        f"{', '.join(sorted(owners)[:12]) or 'none'}. Do file and model belong together?",
    )


def _variables(
    path: Path, owner: str, group: h5py.Group, rows: list[str], shapes: Shapes
) -> Iterator[tuple[str, np.ndarray]]:
    """The owner's variables: those of the rows come first, whole numbers (counters) may follow."""
    datasets = {name: child(path, group, name) for name in names(group)}
    needed = [str(index) for index in range(len(rows))]
    weights = [name for name, one in datasets.items() if _is_weight(one)]
    if sorted(weights) != sorted(needed):
        raise refusal(
            path,
            f"{quoted(owner)} has {len(weights)} weights ({', '.join(sorted(weights)[:12])}); "
            f"the model needs {len(rows)}: {', '.join(rows)}. Do file and model belong together?",
        )
    for name, row in zip(needed, rows, strict=True):
        dataset = datasets[name]
        if not isinstance(dataset, h5py.Dataset):
            raise refusal(path, f"{quoted(owner)} has a group where weight {row} should be.")
        yield row, read_array(path, dataset, f"weight {row}", shapes.get(row))


def _is_weight(one: h5py.Group | h5py.Dataset | None) -> bool:
    return not isinstance(one, h5py.Dataset) or one.dtype.kind not in "iu"


def _check_all_read(path: Path, owners: Owners, read: set[str]) -> None:
    """Raises for weights that the model has no place for."""
    for owner, group in owners.items():
        if owner in read:
            continue
        if any(_is_weight(child(path, group, name)) for name in names(group)):
            raise refusal(
                path,
                f"has weights at {quoted(owner)} that the model has no layer for. Do file and "
                "model belong together?",
            )
