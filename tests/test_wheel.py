"""A wheel brings compiled kernels where it was asked to, and serves every platform where not."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from birnn_lightning.nn.engines.fused.compilation import (
    SHIPPED,
    find_compiler,
    instruction_set,
)
from tests.nn.test_fused import needs_a_compiler

ROOT = Path(__file__).parents[1]
LOAD = """
from birnn_lightning.nn.engines.fused import compilation
for precision in compilation.PRECISIONS:
    path = compilation.load_library(precision)._name
print(path, compilation.find_compiler())
"""


def run(*command: str, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path, **variables: str) -> Path:
    run(
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        str(folder),
        cwd=ROOT,
        **variables,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def quick_compiler(folder: Path) -> Path:
    """The compiler, told not to optimise: six libraries take it a minute otherwise."""
    compiler = folder / "quick-cc"
    compiler.write_text(f'#!/bin/sh\nexec "{find_compiler()}" "$@" -O0\n')
    compiler.chmod(0o755)
    return compiler


def libraries(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if f"/{SHIPPED.name}/" in name]


@needs_a_compiler
@pytest.mark.slow
def test_a_wheel_with_kernels_needs_no_compiler(tmp_path: Path) -> None:
    wheel = build(tmp_path / "dist", BIRNN_COMPILE="1", CC=str(quick_compiler(tmp_path)))
    assert "-py3-none-linux" in wheel.name or sys.platform != "linux"
    assert any(instruction_set().name in name for name in libraries(wheel))
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    variables = {"PYTHONPATH": str(site), "CC": "no-such-compiler"}
    variables["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    path, compiler = run(sys.executable, "-c", LOAD, cwd=tmp_path, **variables).split()
    assert (Path(path).parent.name, compiler) == (SHIPPED.name, "None")
    assert site in Path(path).parents
    assert not (tmp_path / "cache").exists()


def test_a_wheel_without_them_serves_every_platform(tmp_path: Path) -> None:
    wheel = build(tmp_path, BIRNN_COMPILE="0")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert libraries(wheel) == []


def test_a_wheel_that_cannot_be_compiled_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="BIRNN_COMPILE=1 needs a C compiler"):
        build(tmp_path, BIRNN_COMPILE="1", CC="no-such-compiler")
    assert not list(tmp_path.iterdir())
