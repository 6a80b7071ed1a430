"""What was split once is found again: by the texts themselves, the settings and our own code.

A file of the cache is complete or not there, and a damaged one counts as none. The folder is
``birnn-lightning/tokens`` in ``XDG_CACHE_HOME`` (else ``~/.cache``); it may be deleted at any time.
"""

import hashlib
import logging
import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np

from birnn_lightning.data import tokens, vocabulary
from birnn_lightning.data.tokens import TokenizedTexts
from birnn_lightning.files import replacement

logger = logging.getLogger(__name__)

BYTES_KEPT = 1 << 30
"""The files used longest ago are deleted beyond it."""
ENDING = ".npz"


def cache_folder() -> Path:
    """Where the files lie."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "birnn-lightning" / "tokens"


def cache_file(texts: Sequence[str], *settings: str | None) -> Path:
    """Where the result of these texts and settings lies, if it is known."""
    digest = hashlib.sha256(repr(settings).encode())
    for module in (tokens, vocabulary):
        digest.update(Path(str(module.__file__)).read_bytes())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return cache_folder() / f"{digest.hexdigest()}{ENDING}"


def read(path: Path) -> TokenizedTexts | None:
    """The result in a file; None where there is none, or none that is whole."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            letters = arrays["letters"].tobytes()
            bounds = [0, *arrays["letter_ends"].tolist()]
            found = TokenizedTexts(
                [letters[start:stop] for start, stop in pairwise(bounds)],
                arrays["places"],
                arrays["ends"],
            )
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile):
        # RuntimeError: a damaged header can name a password, or a compression there is not.
        return None
    with suppress(OSError):  # a folder that others fill, and that is only read here
        os.utime(path)
    return found


def write(path: Path, result: TokenizedTexts) -> None:
    """Keeps a result; where the folder cannot be written, one line of the log says so."""
    try:
        with replacement(path) as temporary, open(temporary, "xb") as stream:
            np.savez(
                stream,
                letters=np.frombuffer(b"".join(result.tokens), np.uint8),
                letter_ends=np.cumsum([len(token) for token in result.tokens], dtype=np.int64),
                places=result.places,
                ends=result.ends,
            )
        _forget_oldest(path.parent)
    except OSError as error:
        logger.warning("The split texts cannot be kept for the next time: %s", error)


def _forget_oldest(folder: Path) -> None:
    size = 0
    states = [(one, one.stat()) for one in folder.glob(f"*{ENDING}")]
    for path, state in sorted(states, key=lambda pair: pair[1].st_mtime_ns, reverse=True):
        size += state.st_size
        if size > BYTES_KEPT:
            path.unlink(missing_ok=True)
