"""A kernel is compiled once a machine and kept; where it cannot be, one line says why."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from birnn_lightning.nn.engines.fused import compilation
from birnn_lightning.nn.engines.fused.compilation import (
    INSTRUCTION_SETS,
    KernelUnavailable,
    compile_library,
    find_compiler,
    library_path,
)
from tests.nn.test_fused import needs_a_compiler

ROOT = Path(__file__).parents[2]
SECONDS = 240
# Takes the arguments of a compiler, counts its calls, and "compiles" unless told otherwise.
COMPILER = """#!/bin/sh
echo "$@" >> "{log}"
{first}
while [ "$1" != -o ]; do shift; done
echo library > "$2"
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "birnn-lightning"


def fake_compiler(log: Path, monkeypatch: pytest.MonkeyPatch, first: str = "") -> None:
    compiler = log.parent / "fake-cc"
    compiler.write_text(COMPILER.format(log=log, first=first))
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))


def calls(log: Path) -> list[str]:
    return log.read_text().splitlines()


def test_it_is_compiled_once(log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(log, monkeypatch)
    first, second = library_path("float32"), library_path("float32")
    assert first == second
    assert first.parent == cache
    assert first.read_text() == "library\n"
    assert len(calls(log)) == 1
    assert [path.name for path in cache.iterdir()] == [first.name], "something was left behind"


def test_each_precision_is_compiled_when_it_is_wanted(
    log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(log, monkeypatch)
    assert library_path("float32") != library_path("float64")
    assert ["-DPRECISION=64" in call for call in calls(log)] == [False, True]
    assert ["-DPRECISION=32" in call for call in calls(log)] == [True, False]


def test_other_sources_are_another_library(
    log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_compiler(log, monkeypatch)
    first = library_path("float32")
    changed = tmp_path / "kernel"
    changed.mkdir()
    for source in compilation.SOURCES.iterdir():
        (changed / source.name).write_bytes(source.read_bytes() + b"\n")
    monkeypatch.setattr(compilation, "SOURCES", changed)
    assert library_path("float32") != first
    assert len(calls(log)) == 2


def test_several_processes_at_once_share_a_whole_library(
    log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(log, monkeypatch, first="sleep 0.3")
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: library_path("float32"), range(3)))
    assert len(set(paths)) == 1
    assert paths[0].read_text() == "library\n"


def test_a_compiler_without_openmp(log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(log, monkeypatch, first='case "$*" in *-fopenmp*) exit 1;; esac')
    assert library_path("float32").exists()
    assert ["-fopenmp" in call for call in calls(log)] == [True, False]


def test_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(KernelUnavailable, match=r"^there is no C compiler$"):
        library_path("float32")


def test_a_failing_compiler_leaves_nothing(
    log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(log, monkeypatch, first="echo 'kernel.c:1: error: no space left' >&2; exit 1")
    with pytest.raises(KernelUnavailable, match=r"fake-cc failed: kernel.c:1: error: no space"):
        library_path("float32")
    assert not list(cache.iterdir())


def test_a_cache_that_cannot_be_written(
    log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(log, monkeypatch)
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    path = library_path("float32")
    assert path.read_text() == "library\n"
    assert cache.is_file()


def test_the_reason_is_said_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    for cached in (compilation.load_library, compilation.obstacle):
        cached.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert [compilation.obstacle("float32") for _ in range(2)] == [
                "there is no C compiler"
            ] * 2
        assert [record.getMessage() for record in caplog.records] == [
            "No compiled recurrent kernel, slower engines are used: there is no C compiler."
        ]
    finally:
        for cached in (compilation.load_library, compilation.obstacle):
            cached.cache_clear()


def test_a_library_that_is_none_is_a_reason(
    log: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(log, monkeypatch)
    compilation.load_library.cache_clear()
    try:
        with pytest.raises(KernelUnavailable, match="recurrence-"):
            compilation.load_library("float32")
    finally:
        compilation.load_library.cache_clear()


def run(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.nn.fused_run", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_a_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("capability", "name"), [("avx2", "avx2"), ("default", "portable")])
def test_smaller_instruction_sets(capability: str, name: str) -> None:
    if name == compilation.instruction_set().name:
        pytest.skip("the processor's own instruction set is what all other tests run on")
    assert run(ATEN_CPU_CAPABILITY=capability) == f"{name}: 112 agree\n"


@needs_a_compiler
def test_a_forked_process_computes_too() -> None:
    assert run("--fork").endswith(": the forked process agrees\n")


@needs_a_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", ["avx512", "avx2", "portable"])
def test_sanitizers_find_nothing(name: str, tmp_path: Path) -> None:
    own = compilation.instruction_set().name
    # The tiles of avx2 are those of portable too; those of avx512 are larger.
    if name != own and (name, own) != ("avx2", "avx512"):
        pytest.skip(f"the processor's own instruction set is {own}")
    compiler = find_compiler()
    assert compiler is not None
    library = tmp_path / "sanitized.so"
    # Without optimising it compiles in half the time.
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1", "-O0"]
    target = INSTRUCTION_SETS[name]
    try:
        compile_library(compiler, target._replace(flags=(*target.flags, *flags)), None, library)
    except KernelUnavailable as error:
        pytest.skip(f"the compiler has no sanitizers: {error}")
    runtime = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    capability = {"portable": "default"}.get(name, name)
    printed = run(
        "--library",
        str(library),
        LD_PRELOAD=runtime,
        ASAN_OPTIONS="detect_leaks=0",
        ATEN_CPU_CAPABILITY=capability,
    )
    assert printed == f"{name}: 112 agree\n"
