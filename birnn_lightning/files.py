"""A written file is either the old one or the whole new one, whatever interrupts the writing."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Opens a UTF-8 stream whose text takes the place of ``path`` when the block ends well.

    Missing parent folders are created. A symbolic link stays: the file it points to is replaced.
    What exists and is no regular file (``/dev/null``, a pipe) is written to, never replaced.

    Args:
        path: where the text goes.

    Raises:
        OSError: the folder cannot be created or written, or ``path`` is a folder. An existing file
            is then untouched and no temporary file is left behind.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        with open(target, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
        return
    with (
        replacement(target) as temporary,
        open(temporary, "x", encoding="utf-8", newline="\n") as stream,
    ):
        yield stream


@contextmanager
def replacement(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new name in the folder of ``path``; the file written there takes the place of ``path``.

    As `replacing` does, for what a library writes by name. Nothing is replaced, and nothing is left
    behind, unless the block ends well.

    Args:
        path: of a regular file, or of none.

    Raises:
        OSError: the folder cannot be created or written, or ``path`` is a folder or a device.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is no regular file, so it cannot be written. Give another path.")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile: its 0600 mode would survive the rename, and a report is for others to read.
    temporary = target.parent / f".{target.name[:80]}.{secrets.token_hex(6)}.tmp"
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: str | os.PathLike[str], text: str) -> None:
    """Writes a whole text as `replacing` does."""
    with replacing(path) as stream:
        stream.write(text)
