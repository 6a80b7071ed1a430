"""The Triton kernels compile for a GPU, and fit it, where there is none to run them."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

SHARED_BYTES = 163 * 1024  # of a block on an A100
SPILLED_BYTES = 128  # a thread's registers that go through memory: none that a step would notice

COMPILE = """
import json, re, subprocess, sys, tempfile
from pathlib import Path
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from birnn_lightning.nn.engines.operands import Operands
from birnn_lightning.nn.engines.triton.backward import backward
from birnn_lightning.nn.engines.triton.forward import forward
from birnn_lightning.nn.engines.triton.function import Run
from birnn_lightning.nn.engines.triton.rows import rows_of
from birnn_lightning.nn.specs import Recurrent

cell, reset_after, size = sys.argv[1], sys.argv[2] == "after", int(sys.argv[3])
settings = {"reset_after": reset_after} if cell == "gru" else {}
spec = Recurrent(cell=cell, hidden_size=size, **settings)
gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
some = torch.empty(2, 1, size)
bias = some if cell == "gru" and reset_after else None
weight = torch.empty(2, gates, size, size)
operands = Operands(some, weight, bias, some, some, some)
rows = rows_of((1, 1), torch.ones(1, 1, dtype=torch.bool), torch.device("cpu"))
run = Run(spec, rows, (False, True), "tf32x3")
constants = run.constants(operands, keeps=True)
TYPES = {"order": "*i64", "lengths": "*i64", "steps": "*i64", "rows": "i32", "time": "i32",
         "directions": "i32"}
ptxas = Path(triton.__file__).parent / "backends/nvidia/bin/ptxas"
for kernel in (forward, backward):
    names = kernel.arg_names
    signature = {
        name: "constexpr" if name in constants else TYPES.get(name, "*fp32") for name in names
    }
    fixed = {(names.index(name),): value for name, value in constants.items()}
    aligned = [("tt.divisibility", 16)]  # as torch allocates
    attributes = {
        (index,): aligned for index, name in enumerate(names) if signature[name].startswith("*")
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=fixed, attrs=attributes)
    target = GPUTarget("cuda", 90, 32)
    compiled = triton.compile(source, target=target, options={"num_warps": run.warps(operands)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.ptx"
        path.write_text(compiled.asm["ptx"])
        command = [str(ptxas), "-v", "--gpu-name=sm_90a", str(path), "-o", str(path) + ".out"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    spilled = int(re.search(r"(\\d+) bytes spill stores", said).group(1))
    print(json.dumps({"shared": compiled.metadata.shared, "spilled": spilled}))
"""


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize(
    ("cell", "reset"), [("rnn", "-"), ("lstm", "-"), ("gru", "after"), ("gru", "before")]
)
def test_the_kernels_fit_a_gpu(cell: str, reset: str, size: int, tmp_path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, cell, reset, str(size)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 2
    for kernel in found:
        assert 0 < kernel["shared"] <= SHARED_BYTES
        assert kernel["spilled"] <= SPILLED_BYTES or (size == 128 and cell != "rnn")
