"""The memory of this process: its level now, and its peak since the last reset."""

import ctypes
import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path

KIBIBYTE = 1024


def peak() -> int:
    """The largest resident set in bytes, since the start or since `reset_peak` succeeded."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIBIBYTE


def reset_peak() -> int:
    """Hands unused memory back, makes the peak start anew where the system can, and returns it.

    Where it cannot (anything but Linux), the peak is that of the process so far.
    """
    gc.collect()
    if sys.platform == "linux":
        # Another C library than glibc has no malloc_trim.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    return peak()
