"""This process's memory, or its part of a GPU's: the level now, and the peak since a reset."""

import ctypes
import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path

KIBIBYTE = 1024


def peak(device: str) -> int:
    """The largest resident set in bytes, since the start or since `reset_peak` succeeded.

    On a GPU: the most that torch's tensors had there.
    """
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIBIBYTE


def reset_peak(device: str) -> int:
    """Hands unused memory back, makes the peak start anew where the system can, and returns it.

    Where it cannot (anything but Linux), the peak is that of the process so far.
    """
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return peak(device)
    if sys.platform == "linux":
        # Another C library than glibc has no malloc_trim.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    return peak(device)
