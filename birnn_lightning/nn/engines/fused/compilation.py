"""The compiled kernel of this machine: brought by the wheel, found in the cache, or compiled once.

There is a library a precision, for few need float64. Each is kept under a hash of its sources,
flags and compiler, so a new version never meets an old one. Environment variables: ``CC`` names the
compiler, ``XDG_CACHE_HOME`` the cache's place, ``ATEN_CPU_CAPABILITY`` (torch's own) a smaller
instruction set.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "kernel"
SHIPPED = Path(__file__).parent / "libraries"
COMPILERS = ("cc", "gcc", "clang")
SECONDS = 600
"""The longest that a compiler may take."""
OPTIONS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")


Precision = Literal["float32", "float64"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float64")


class InstructionSet(NamedTuple):
    """What a kernel is compiled for.

    Attributes:
        name: part of the library's file name.
        vector_bytes: how long its vectors are.
        flags: the compiler's.
    """

    name: str
    vector_bytes: int
    flags: tuple[str, ...] = ()


AVX2_FLAGS = ("-mavx2", "-mfma")
INSTRUCTION_SETS: dict[str, InstructionSet] = {
    "avx512": InstructionSet(
        "avx512", 64, ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", *AVX2_FLAGS)
    ),
    "avx2": InstructionSet("avx2", 32, AVX2_FLAGS),
    "portable": InstructionSet("portable", 16),
}


class KernelUnavailable(RuntimeError):
    """There is no compiled kernel; the message says why, in one line."""


def instruction_set() -> InstructionSet:
    """The best that this processor has."""
    import torch  # here, so that a wheel can be built where torch is not

    return INSTRUCTION_SETS.get(
        torch.backends.cpu.get_cpu_capability().lower(), INSTRUCTION_SETS["portable"]
    )


def find_compiler() -> str | None:
    """The path of a C compiler, or None."""
    names = (os.environ["CC"],) if os.environ.get("CC") else COMPILERS
    return next((path for name in names if (path := shutil.which(name))), None)


def cache_folder() -> Path:
    """Where compiled libraries are kept."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "birnn-lightning"


def library_name(target: InstructionSet, precision: Precision, *origin: str) -> str:
    """The file name of a library: of what it is made of, and ``origin``."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    digest.update("\0".join([*OPTIONS, *target.flags, platform.machine(), *origin]).encode())
    return f"recurrence-{target.name}-{precision}-{digest.hexdigest()[:16]}.so"


def command(compiler: str, target: InstructionSet, output: Path, *options: str) -> list[str]:
    """The call of the compiler."""
    return [
        compiler,
        *OPTIONS,
        *target.flags,
        f"-DVECTOR_BYTES={target.vector_bytes}",
        *options,
        str(SOURCES / "kernel.c"),
        "-o",
        str(output),
        "-lm",
    ]


def compile_library(
    compiler: str, target: InstructionSet, precision: Precision | None, output: Path
) -> None:
    """Compiles a library, with OpenMP where the compiler has it; ``output`` appears at once, whole.

    Args:
        compiler: its path.
        target: what it is compiled for.
        precision: of its numbers; None for one of both.
        output: where it shall lie.

    Raises:
        KernelUnavailable: the compiler fails.
        OSError: the folder cannot be written.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    defined = () if precision is None else (f"-DPRECISION={precision.removeprefix('float')}",)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        made = Path(folder) / output.name
        for parallel in (["-fopenmp"], []):
            try:
                done = subprocess.run(
                    command(compiler, target, made, *defined, *parallel),
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise KernelUnavailable(f"{compiler}: {error}") from None
            if done.returncode == 0:
                made.replace(output)
                return
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
        raise KernelUnavailable(f"{compiler} failed: {lines[0].strip()}")


def library_path(precision: Precision) -> Path:
    """A library for this processor, compiled when there is none yet.

    Raises:
        KernelUnavailable: there is none, and it cannot be compiled.
    """
    target = instruction_set()
    shipped = SHIPPED / library_name(target, precision)
    if shipped.exists():
        return shipped
    compiler = find_compiler()
    if compiler is None:
        raise KernelUnavailable("there is no C compiler")
    kept = cache_folder() / library_name(target, precision, compiler)
    if kept.exists():
        return kept
    logger.info("Compiling the recurrent kernel for %s, once: %s", target.name, kept)
    try:
        compile_library(compiler, target, precision, kept)
        return kept
    except OSError as error:
        logger.info("%s cannot be written (%s): compiling for this process alone", kept, error)
        folder = tempfile.mkdtemp(prefix="birnn-lightning-")
        compile_library(compiler, target, precision, Path(folder) / kept.name)
        return Path(folder) / kept.name


@cache
def load_library(precision: Precision) -> ctypes.CDLL:
    """The library of this process.

    Raises:
        KernelUnavailable: there is none.
    """
    try:
        return ctypes.CDLL(str(library_path(precision)))
    except OSError as error:
        raise KernelUnavailable(str(error)) from None


@cache
def obstacle(precision: Precision) -> str | None:
    """Why this machine has no compiled kernel, or None where it has one; said once in the log."""
    try:
        load_library(precision)
    except KernelUnavailable as error:
        logger.warning("No compiled recurrent kernel, slower engines are used: %s.", error)
        return str(error)
    return None
