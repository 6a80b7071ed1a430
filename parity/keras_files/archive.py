"""Entries of a ``.keras`` zip are read within limits and with their checksums, never extracted."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from parity.keras_files.refusals import (
    MAX_ASSET_BYTES,
    MAX_CONFIG_BYTES,
    MAX_ENTRIES,
    MAX_WEIGHT_BYTES,
    check_expansion,
    damage_refused,
    quoted,
    refusal,
)

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"
BLOCK = 2**20


class KerasArchive:
    """The zip at a path.

    Attributes:
        path: of the zip.
        names: what it contains.
    """

    def __init__(self, path: Path):
        """Reads the directory of the zip alone.

        Raises:
            ParityUnavailable: not a zip, or one with too many entries or with two of a name.
        """
        self.path = path
        with damage_refused(path), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if len(names) > MAX_ENTRIES:
            raise refusal(path, f"a zip of {len(names):,} entries; allowed: {MAX_ENTRIES:,}.")
        if len(set(names)) < len(names):
            raise refusal(path, "a zip with two entries of one name. Save the model again.")
        self.names = frozenset(names)

    def text(self, name: str) -> bytes:
        """A small entry, e.g. the config."""
        return b"".join(self._blocks(name, MAX_CONFIG_BYTES))

    def assets(self) -> Mapping[str, Callable[[], bytes]]:
        """Readers of the assets by path below ``assets/``, with forward slashes."""
        paths = {name.replace("\\", "/"): name for name in sorted(self.names)}
        return {
            path.removeprefix(ASSETS): partial(self._asset, name)
            for path, name in paths.items()
            if path.startswith(ASSETS) and not path.endswith("/")
        }

    def _asset(self, name: str) -> bytes:
        return b"".join(self._blocks(name, MAX_ASSET_BYTES))

    @contextmanager
    def copied(self, name: str) -> Iterator[Path]:
        """A temporary file with the content of an entry, whose checksum has been compared."""
        with tempfile.NamedTemporaryFile(suffix=".h5") as copy:
            with damage_refused(self.path):
                for block in self._blocks(name, MAX_WEIGHT_BYTES):
                    copy.write(block)
                copy.flush()
            yield Path(copy.name)

    def _blocks(self, name: str, limit: int) -> Iterator[bytes]:
        with damage_refused(self.path), zipfile.ZipFile(self.path) as archive:
            entry = archive.getinfo(name)
            self._check(entry, limit)
            left = entry.file_size
            with archive.open(entry) as stream:
                while block := stream.read(BLOCK):
                    left -= len(block)
                    if left < 0:
                        break
                    yield block
            if left:
                raise refusal(self.path, f"{quoted(name)} is not as long as the zip says.")

    def _check(self, entry: zipfile.ZipInfo, limit: int) -> None:
        what = quoted(entry.filename)
        if entry.flag_bits & 1:
            raise refusal(self.path, f"{what} is encrypted. Save the model without a password.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refusal(self.path, f"{what} is compressed in an unusual way; allowed: deflate.")
        if entry.file_size > limit:
            raise refusal(self.path, f"{what} has {entry.file_size:,} bytes; allowed: {limit:,}.")
        check_expansion(self.path, what, entry.file_size, entry.compress_size)
