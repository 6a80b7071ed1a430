"""The Triton kernels compile for a GPU, and fit it, where there is none to run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed")

ROOT = Path(__file__).parents[2]
SHARED_BYTES = 163 * 1024  # of a block on an A100
SPILLED_BYTES = 128  # a thread's registers that go through memory: none that a step would notice

KERNELS = [
    (*kind, size)
    for kind in (("rnn", "-"), ("lstm", "-"), ("gru", "after"), ("gru", "before"))
    for size in (64, 128)
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[tuple[str, str, int], list[dict[str, int]]]:
    """What the compiler says of the forward and the backward kernel of each of `KERNELS`."""
    cache = str(tmp_path_factory.mktemp("triton"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.nn.triton_compilations", json.dumps(KERNELS)],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(KERNELS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_the_kernels_fit_a_gpu(kernel: tuple[str, str, int], compiled) -> None:
    cell, _, size = kernel
    assert len(compiled[kernel]) == 2
    for found in compiled[kernel]:
        assert 0 < found["shared"] <= SHARED_BYTES
        assert found["spilled"] <= SPILLED_BYTES or (size == 128 and cell != "rnn")
