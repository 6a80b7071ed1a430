"""Compares the compiled kernel with scan in a process of its own; prints how often it agreed.

Arguments: ``--library PATH`` for a library that a test compiled, ``--fork`` to compare a forked
process with its parent instead (the kernel alone: torch's own threads do not survive a fork).
"""

import argparse
import os
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from birnn_lightning.nn import Masked
from birnn_lightning.nn.engines.fused import compilation
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import MASKS
from tests.nn.test_engines import pair, results, to_float32
from tests.nn.test_fused import dropping
from tests.nn.test_fused_batches import WIDE, large_batch, wide_batch
from tests.nn.test_unread import both, model_of, tokens

CELLS: list[dict[str, Any]] = [
    {"cell": "rnn", "activation": "elu"},
    {"cell": "lstm"},
    {"cell": "gru", "recurrent_activation": "hard_sigmoid_keras2"},
    {"cell": "gru", "reset_after": False, "activation": "softsign"},
]


def compare() -> int:
    """Raises AssertionError where a result differs; how many comparisons were made."""
    count = 0
    for fields in CELLS:
        for hidden_size in (5, 17):
            layers = pair(Recurrent(**fields, hidden_size=hidden_size))
            features = torch.rand(2, 7, 3, dtype=torch.float64)
            cases = [(layers, features, None)]
            cases += [(dropping(layers, True, True), features, mask) for mask in MASKS.values()]
            cases += [large_batch(fields, 67, 11), wide_batch(fields, WIDE)]
            for arguments in cases:
                theirs = results("scan", *arguments)
                assert_near(results("fused", *arguments), theirs, 1e-12)
                single = (to_float32(arguments[0]), arguments[1].detach().float(), arguments[2])
                assert_near(results("fused", *single), theirs, 1e-4)
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    assert_near(results("fused", *single), theirs, 0.1)
                count += 1
    return count


def compare_models() -> int:
    """As `compare`, for layers behind an embedding, in evaluation, which run in one call."""
    count = 0
    for fields in CELLS:
        model = model_of(both(**fields), both(**fields), both(**fields, sequences=False))
        for mask in (None, *MASKS.values()):
            with torch.no_grad():
                found = []
                for engine in ("fused", "scan"):
                    for layer in map(model.layers.get_submodule, ("layer_0", "layer_1", "layer_2")):
                        layer.requested_engine = engine
                    found.append(model([Masked(tokens(), mask)]).values)
            assert_near(found[:1], found[1:], 1e-12)
            count += 1
    return count


def assert_near(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    """Raises AssertionError where they differ by more, of 1 or of the largest number."""
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one.double(), other, rtol=0, atol=tolerance * scale)


def compare_in_a_forked_process() -> None:
    """Raises AssertionError unless a child computes what its parent did."""
    arguments = large_batch({"cell": "lstm"}, 67, 11)
    expected = results("fused", *arguments)
    child = os.fork()
    if child == 0:
        found = results("fused", *arguments)
        agree = all(torch.allclose(*pair, atol=1e-12) for pair in zip(found, expected, strict=True))
        os._exit(0 if agree else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the forked process ended with {status}"


def main() -> None:
    """Runs the comparisons that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--fork", action="store_true")
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    if given.library:
        mock.patch.object(compilation, "library_path", return_value=given.library).start()
    if given.fork:
        compare_in_a_forked_process()
        agreed = "the forked process agrees"
    else:
        agreed = f"{compare() + compare_models()} agree"
    print(f"{compilation.instruction_set().name}: {agreed}")


if __name__ == "__main__":
    main()
