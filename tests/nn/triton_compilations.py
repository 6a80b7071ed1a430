"""Compiles Triton kernels for a GPU that need not be there, and prints what the compiler says.

The argument is a JSON list of ``[cell, "after" or "before" or "-", hidden size]``. Of each kernel
it prints the bytes of shared memory, and of registers that go through memory. In a process of its
own, because the tests' own interprets kernels.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from birnn_lightning.nn.engines.operands import Operands
from birnn_lightning.nn.engines.triton.backward import backward
from birnn_lightning.nn.engines.triton.forward import forward
from birnn_lightning.nn.engines.triton.function import Run
from birnn_lightning.nn.engines.triton.rows import rows_of
from birnn_lightning.nn.specs import Recurrent

TYPES = {
    "order": "*i64",
    "lengths": "*i64",
    "steps": "*i64",
    "rows": "i32",
    "time": "i32",
    "directions": "i32",
}
PTXAS = Path(triton.__file__).parent / "backends/nvidia/bin/ptxas"


def compilations(cell: Any, reset: str, size: int) -> Iterator[Any]:
    """The forward and the backward kernel of a cell."""
    settings: dict[str, Any] = {"reset_after": reset == "after"} if cell == "gru" else {}
    spec = Recurrent(cell=cell, hidden_size=size, **settings)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
    some = torch.empty(2, 1, size)
    bias = some if reset == "after" else None
    weight = torch.empty(2, gates, size, size)
    operands = Operands(some, weight, bias, some, some, some)
    rows = rows_of((1, 1), torch.ones(1, 1, dtype=torch.bool), torch.device("cpu"))
    run = Run(spec, rows, (False, True), "tf32x3")
    constants = run.constants(operands, keeps=True)
    for kernel in (forward, backward):
        names = kernel.arg_names
        signature = {
            name: "constexpr" if name in constants else TYPES.get(name, "*fp32") for name in names
        }
        fixed = {(names.index(name),): value for name, value in constants.items()}
        aligned = [("tt.divisibility", 16)]  # as torch allocates
        attributes = {
            (index,): aligned for index, name in enumerate(names) if signature[name][0] == "*"
        }
        source = ASTSource(fn=kernel, signature=signature, constexprs=fixed, attrs=attributes)
        options = {"num_warps": run.warps(operands)}
        yield triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)


def spilled(compiled: Any) -> int:
    """Bytes of a thread's registers that go through memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.ptx"
        path.write_text(compiled.asm["ptx"])
        command = [str(PTXAS), "-v", "--gpu-name=sm_90a", str(path), "-o", str(path) + ".out"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"(\d+) bytes spill stores", said)
    assert found is not None, said
    return int(found.group(1))


def main() -> None:
    """Compiles what the argument says."""
    said = [
        [{"shared": one.metadata.shared, "spilled": spilled(one)} for one in compilations(*given)]
        for given in json.loads(sys.argv[1])
    ]
    print(json.dumps(said))


if __name__ == "__main__":
    main()
