"""Whatever is wrong with a file becomes one line that names the file, and its limits have names."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parity.results import ParityUnavailable

MAX_CONFIG_BYTES = 2**25
MAX_CONFIG_DEPTH = 200
MAX_ASSET_BYTES = 2**26
MAX_WEIGHT_BYTES = 2**35
MAX_ATTRIBUTE_BYTES = 2**26
MAX_ENTRIES = 20_000
"""Of a zip; and groups and arrays of an HDF5 file."""
MAX_HDF5_DEPTH = 64
MAX_EXPANSION = 200
"""How many bytes one stored byte may become; Keras compresses nothing."""
EXPANSION_FLOOR = 2**16
"""Below this many bytes, any expansion is fine."""

# What h5py, zipfile and json raise for files that are not what they say they are.
DAMAGE = (
    OSError,
    RuntimeError,  # also RecursionError and NotImplementedError
    LookupError,
    ValueError,  # also UnicodeError and JSONDecodeError
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    EOFError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


@contextmanager
def damage_refused(path: Path) -> Iterator[None]:
    """Within, what a damaged file makes libraries raise is a `ParityUnavailable` of one line."""
    try:
        yield
    except ParityUnavailable:
        raise
    except DAMAGE as error:
        lines = str(error).splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise refusal(path, f"cannot be read, it is damaged or truncated ({reason}).") from None


MALFORMED = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)
"""What comes of a config with missing, exchanged or impossible values."""


@contextmanager
def malformed_refused(path: Path) -> Iterator[None]:
    """Within, whatever a config that no Keras wrote leads to is a `ParityUnavailable`."""
    try:
        yield
    except ParityUnavailable:
        raise
    except MALFORMED as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise refusal(path, f"the model's config is none that Keras writes ({reason}).") from error


def refusal(path: Path, problem: str) -> ParityUnavailable:
    """The error for a file."""
    return ParityUnavailable(f"{path.name}: {problem}")


def check_expansion(path: Path, what: str, size: int, stored: int) -> None:
    """Raises where few stored bytes are said to become many."""
    if size > EXPANSION_FLOOR and size > MAX_EXPANSION * stored:
        raise refusal(
            path,
            f"{what} has {stored:,} bytes that are said to become {size:,}. Allowed: "
            f"{MAX_EXPANSION} times as many. Save the model again with Keras, which does not "
            "compress.",
        )


def quoted(text: str) -> str:
    """A name from a file, fit for one line."""
    return repr(text if len(text) <= 120 else f"{text[:117]}...")
