"""An interrupted run goes on where it stopped, unless what made its results has changed."""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from birnn_lightning.files import atomic_write
from parity.results import ParityUnavailable
from parity.versions import facts

PACKAGES = ("birnn_lightning", "parity")


class Journal:
    """A file of results: a line that says what made them, then a line a result.

    Args:
        path: of the file; made with the first result.
        header: what the results depend on; results of another header do not count.
    """

    def __init__(self, path: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        """Takes the path and the header, which must survive JSON unchanged."""
        self.path = Path(path)
        self.header = dict(header)

    def read(self) -> list[Any]:
        """The results in the order of writing; empty where there is no file yet.

        Raises:
            ParityUnavailable: they depend on something else, or the file is no journal.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        try:
            header = json.loads(lines[0]) if lines else None
        except json.JSONDecodeError as error:
            raise ParityUnavailable(f"{self.path} is no journal of this program: {error}") from None
        if header != self.header:
            raise ParityUnavailable(
                f"{self.path} was written by other code, other versions or with other settings, so "
                "its results do not count. Delete it, or name another file."
            )
        if not lines[-1].endswith("\n"):  # killed while it wrote this line
            atomic_write(self.path, "".join(lines[:-1]))
            del lines[-1]
        try:
            return [json.loads(line) for line in lines[1:]]
        except json.JSONDecodeError as error:
            raise ParityUnavailable(f"{self.path} is a damaged journal: {error}") from None

    def append(self, result: Mapping[str, Any]) -> None:
        """Writes one result at the end, on a line of its own."""
        if not self.path.exists():
            atomic_write(self.path, json.dumps(self.header) + "\n")
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(result) + "\n")


@cache
def made_by() -> dict[str, str]:
    """What results depend on: the versions, the backend, and a hash of all our code."""
    root = Path(__file__).parent.parent
    versions = {name: value for name, value in facts().items() if name != "Date"}
    backend = os.environ.get("KERAS_BACKEND", "")
    return {**versions, "backend": backend, "code": code_digest(root)}


def code_digest(root: Path) -> str:
    """A hash of every Python file of our packages; raises ValueError where ``root`` has none."""
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    if not files:
        raise ValueError(f"{root} must hold the packages {', '.join(PACKAGES)}; it has no code.")
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
