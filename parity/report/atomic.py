"""A report file is either the old one or the whole new one, whatever interrupts the writing."""

import os
import secrets
from pathlib import Path


def atomic_write(path: str | os.PathLike[str], text: str) -> None:
    """Writes ``text`` as UTF-8 beside ``path`` and then renames it into place.

    Missing parent folders are created. A symbolic link stays: the file it points to is replaced.
    What exists and is no regular file (``/dev/null``, a pipe) is written to, never replaced.

    Args:
        path: where the file goes.
        text: all of its contents.

    Raises:
        OSError: the folder cannot be created or written, or ``path`` is a folder. An existing file
            is then untouched and no temporary file is left behind.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8", newline="\n")
        return
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile: its 0600 mode would survive the rename, and a report is for others to read.
    temporary = target.parent / f".{target.name[:80]}.{secrets.token_hex(6)}.tmp"
    try:
        with open(temporary, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
