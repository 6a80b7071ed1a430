"""A process of its own reads an HDF5 file first, so that no file can hang or crash ours.

Damaged files send the HDF5 library into endless loops, huge allocations or a crash, which nothing
in the same process can stop. What this script has read within its limits can be read again safely.
It imports nothing of ours, so that it starts quickly.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

try:
    import resource
except ImportError:  # Windows, where the caller's clock is all there is
    resource = None

CPU_SECONDS = 5
BYTES_PER_SECOND = 2**25
MEMORY, EXPECTED_MEMORY = 2**32, 2**28
"""Bytes that it may take, and that reading a sound file takes at most, besides the file's size."""
MAX_OBJECTS, MAX_DEPTH = 50_000, 70
MAX_ARRAY_BYTES = 2**35
ATTRIBUTES = ("model_config", "layer_names", "weight_names", "keras_version", "backend")
TOO_MUCH = 3
"""Exit status for a file with more objects than any model has, or that takes too much memory."""
ERRORS = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)
"""What h5py raises for damage, besides MemoryError."""


def limit(size: int) -> None:
    """Bounds this process's time and memory, where the system can.

    Args:
        size: of the file in bytes.
    """
    if resource is None:
        return
    limits = {
        resource.RLIMIT_CPU: CPU_SECONDS + size // BYTES_PER_SECOND,
        resource.RLIMIT_AS: MEMORY + 2 * size,
        resource.RLIMIT_CORE: 0,
    }
    for which, value in limits.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, hard))


def check_memory(size: int) -> None:
    """Ends this process where it has taken more memory than a sound file of this size needs.

    Linux alone tells: what ``getrusage`` says counts the process that started this one too.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    taken = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
    if taken * 1024 > EXPECTED_MEMORY + 2 * size:
        raise SystemExit(TOO_MUCH)


def read(root: h5py.Group, size: int) -> None:
    """Reads whatever our readers may read; what h5py raises is the readers' to report.

    Args:
        root: of the file.
        size: of the file in bytes.
    """
    stack: list[tuple[h5py.Group, int]] = [(root, 0)]
    objects = 0
    while stack:
        group, depth = stack.pop()
        for name in _tried(lambda group=group: list(group.attrs)) or []:
            if name.rstrip("0123456789") in ATTRIBUTES:
                _tried(lambda group=group, name=name: group.attrs[name])
        for name in _tried(lambda group=group: list(group)) or []:
            objects += 1
            if objects > MAX_OBJECTS or depth > MAX_DEPTH:
                raise SystemExit(TOO_MUCH)
            one = _tried(lambda group=group, name=name: _hard(group, name))
            if isinstance(one, h5py.Group) and not name.startswith("optimizer"):
                stack.append((one, depth + 1))
            elif isinstance(one, h5py.Dataset):
                _tried(lambda one=one: _array(one, size))


def _hard(group: h5py.Group, name: str) -> object:
    is_hard = isinstance(group.get(name, getlink=True), h5py.HardLink)
    return group[name] if is_hard else None


def _array(dataset: h5py.Dataset, size: int) -> None:
    # Links to other files and what would outgrow this file by far are refused unread.
    if dataset.is_virtual or dataset.external or dataset.dtype.kind not in "fiu":
        return
    if dataset.nbytes <= min(MAX_ARRAY_BYTES, 2**16 + 200 * size):
        np.asarray(dataset[()])


def _tried(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except ERRORS as error:
        if "alloc" in str(error):
            raise SystemExit(TOO_MUCH) from None
        return None


def main(path: str, size: int) -> None:
    """Reads the file at a path."""
    limit(size)
    file = _tried(lambda: h5py.File(path, "r"))
    if file is not None:
        read(file, size)
        _tried(file.close)
    check_memory(size)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
