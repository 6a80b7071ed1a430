"""HDF5 content is reached by hard links alone, and an array's size is known before it is read."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import count, takewhile
from pathlib import Path

import h5py
import numpy as np

from parity.keras_files.refusals import (
    MAX_ATTRIBUTE_BYTES,
    MAX_WEIGHT_BYTES,
    check_expansion,
    damage_refused,
    quoted,
    refusal,
)

SIGNATURE = b"\x89HDF\r\n\x1a\n"
PATIENCE = 60
"""Seconds that a trial run may last on a busy machine; it also limits its own processor time."""
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)


@contextmanager
def opened(path: Path, shown: Path | None = None) -> Iterator[h5py.Group]:
    """The root group of an HDF5 file; errors name the file ``shown``, e.g. the zip around it."""
    with damage_refused(shown or path):
        about = path.stat()
        if not _survives(path, about.st_size, about.st_mtime_ns, about.st_ino):
            raise refusal(
                shown or path, "is damaged: reading it in a trial run took too long or crashed."
            )
        with h5py.File(path, "r") as file:
            yield file


@lru_cache(maxsize=64)
def _survives(path: Path, size: int, *_: int) -> bool:
    """Whether another process could read a file; the file's time and number make the cache safe."""
    script = Path(__file__).with_name("rehearsal.py")
    try:
        trial = subprocess.run(
            [sys.executable, "-P", str(script), str(path), str(size)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE + size // 2**23,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return trial.returncode == 0


def child(path: Path, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """What a group holds under a path of names, or None.

    Args:
        path: of the file, for errors.
        group: where the path starts.
        name: names with slashes between them.

    Raises:
        ParityUnavailable: a link that is not a hard one.
    """
    found: h5py.Group | h5py.Dataset = group
    for part in name.split("/"):
        if part in ("", ".", ".."):
            raise refusal(path, f"{quoted(name)} is not a name that Keras gives.")
        if not isinstance(found, h5py.Group):
            return None
        link = found.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise refusal(
                path,
                f"{quoted(name)} is a link to somewhere else, which is never followed. Save the "
                "model again with Keras.",
            )
        one = found[part]
        if not isinstance(one, h5py.Group | h5py.Dataset):
            raise refusal(path, f"{quoted(name)} is neither a group nor an array.")
        found = one
    return found


def names(group: h5py.Group) -> list[str]:
    """What a group's members are called."""
    return [str(name) for name in group]


def subgroup(path: Path, group: h5py.Group, name: str) -> h5py.Group:
    """The group of a name; raises ParityUnavailable where there is none."""
    found = child(path, group, name)
    if not isinstance(found, h5py.Group):
        raise refusal(path, f"has no group {quoted(name)}; it is damaged, or not from Keras.")
    return found


def text_attribute(path: Path, group: h5py.Group, name: str) -> str | None:
    """An attribute's text, joined where it is split over ``name0``, ``name1``; or None."""
    texts = string_list(path, group, name)
    return None if texts is None else "".join(texts)


def string_list(path: Path, group: h5py.Group, name: str) -> list[str] | None:
    """An attribute's strings, those of ``name0``, ``name1``, ... where it is split; or None.

    Raises:
        ParityUnavailable: too long, or not strings.
    """
    numbered = takewhile(lambda key: key in group.attrs, (f"{name}{index}" for index in count()))
    keys = [name] if name in group.attrs else list(numbered)
    if not keys:
        return None
    values = [value for key in keys for value in _strings(path, group, key)]
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def _strings(path: Path, group: h5py.Group, key: str) -> Sequence[str | bytes]:
    attribute = group.attrs.get_id(key)
    size = math.prod(attribute.shape) * attribute.dtype.itemsize
    if size > MAX_ATTRIBUTE_BYTES:
        raise refusal(
            path,
            f"attribute {quoted(key)} has {size:,} bytes; allowed: {MAX_ATTRIBUTE_BYTES:,}.",
        )
    if not size:
        return []
    is_text = attribute.dtype.kind == "S" or h5py.check_string_dtype(attribute.dtype) is not None
    if not is_text:
        raise refusal(path, f"attribute {quoted(key)} is no text; Keras writes text there.")
    value = group.attrs[key]
    return [value] if isinstance(value, str | bytes) else np.asarray(value).ravel().tolist()


def check_array(path: Path, dataset: h5py.Dataset, what: str) -> None:
    """Raises unless a dataset's numbers are plain floats that lie in the file itself."""
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (2, 4, 8):
        raise refusal(path, f"{what} is of type {dataset.dtype}; weights are floats.")
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(index)[0] for index in range(settings.get_nfilters())]
    if settings.get_external_count() or dataset.is_virtual:
        raise refusal(path, f"{what} lies in another file, which is never opened.")
    if any(one not in FILTERS for one in filters):
        raise refusal(path, f"{what} is compressed in an unusual way; allowed: gzip.")
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if size > MAX_WEIGHT_BYTES:
        raise refusal(path, f"{what} has {size:,} bytes; allowed: {MAX_WEIGHT_BYTES:,}.")
    stored = dataset.id.get_storage_size()
    if not filters and stored < size:
        raise refusal(path, f"{what} should have {size:,} bytes but {stored:,} are in the file.")
    check_expansion(path, what, size, stored)


def read_array(
    path: Path, dataset: h5py.Dataset, what: str, shape: tuple[int, ...] | None
) -> np.ndarray:
    """A dataset's numbers, in this machine's byte order.

    Args:
        path: of the file, for errors.
        dataset: a weight.
        what: its name in errors.
        shape: what it must be; None where that is not known yet.

    Raises:
        ParityUnavailable: not floats, another shape, not in the file itself, NaN or infinite.
    """
    check_array(path, dataset, what)
    if shape is not None and dataset.shape != shape:
        raise refusal(path, f"{what} has the shape {dataset.shape}; the model needs {shape}.")
    array = np.asarray(dataset[()])
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not np.isfinite(array).all():
        number = int((~np.isfinite(array)).sum())
        raise refusal(
            path,
            f"{what} has {number:,} of {array.size:,} values that are NaN or infinite. The "
            "training has diverged; use an earlier checkpoint.",
        )
    return array
