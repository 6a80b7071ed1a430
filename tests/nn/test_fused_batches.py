"""However many rows, tokens and features there are, and whoever computes them: the same numbers."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.engines import ENGINES
from birnn_lightning.nn.engines.fused import passes
from birnn_lightning.nn.engines.fused.calls import MAX_CHUNK_ROWS
from birnn_lightning.nn.specs import STATES, Recurrent
from tests.nn.samples import INPUT, uniform
from tests.nn.test_engines import Layers, pair, results
from tests.nn.test_fused import CELLS, assert_equals_scan, dropping, needs_a_compiler, spec

pytestmark = needs_a_compiler
WIDE = 1601
"""Features of `wide_batch`: 96 KiB of weights a gate and vector, for 3 rows."""


def large_batch(fields: dict, rows: int, time: int) -> tuple[Layers, Tensor, Tensor]:
    """More rows than a task takes, and more tokens than a block of the backward pass."""
    layers = [
        one._replace(
            state=tuple(
                uniform(rows, one.spec.hidden_size, seed=31 + index)
                for index in range(len(STATES[one.spec.cell]))
            )
        )
        for one in pair(spec(**fields))
    ]
    mask = uniform(rows, time, seed=41) > -0.5
    return layers, uniform(rows, time, INPUT, seed=42), mask


def wide_batch(fields: dict, size: int, rows: int = 3) -> tuple[Layers, Tensor, Tensor]:
    """So large input weights, by row, that the products of several steps are made at once."""
    layers, _, mask = large_batch(fields, rows, 43)
    layers = [
        one._replace(
            weights=one.weights._replace(
                weight_ih=uniform(len(one.weights.weight_ih), size, seed=51 + index) / 10
            )
        )
        for index, one in enumerate(layers)
    ]
    return layers, uniform(rows, 43, size, seed=53), mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("fields", CELLS)
def test_equals_scan_in_a_large_batch(fields: dict, masked: bool) -> None:
    layers, inputs, mask = large_batch(fields, 2 * MAX_CHUNK_ROWS + 3, 11)
    layers = dropping(layers, inputs=False, state=masked)
    assert_equals_scan(layers, inputs, mask if masked else None)


@pytest.mark.parametrize("state", [False, True], ids=["plain", "state dropped"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("fields", CELLS)
def test_input_products_of_several_steps_are_made_at_once(
    fields: dict, masked: bool, state: bool
) -> None:
    layers, inputs, mask = wide_batch(fields, WIDE)
    assert_equals_scan(dropping(layers, False, state), inputs, mask if masked else None)


@pytest.mark.parametrize("fields", CELLS)
def test_weights_that_are_read_from_afar(fields: dict) -> None:
    """More than a mebibyte of them a direction, for so many rows that a step has several tiles."""
    layers, inputs, mask = wide_batch({**fields, "hidden_size": 264}, 300, rows=13)
    layers = [
        one._replace(weights=one.weights._replace(weight_hh=one.weights.weight_hh / 10))
        for one in layers
    ]
    assert all(8 * (264 + 300) * len(one.weights.weight_hh) > 2**20 for one in layers)
    assert_equals_scan(layers, inputs, mask)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("fields", CELLS)
def test_threads_share_the_rows(fields: dict, threads: int) -> None:
    layers, inputs, mask = large_batch(fields, 13, 7)
    with mock.patch.object(passes, "thread_count", return_value=threads):
        assert_equals_scan(layers, inputs, mask)
        first, second = (results("fused", layers, inputs, mask) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("threads", [4, 6, 18])
@pytest.mark.parametrize("fields", CELLS)
def test_how_the_rows_are_shared_changes_nothing(fields: dict, threads: int) -> None:
    """Though fewer rows a task take the input products of several steps at once."""
    layers, inputs, mask = wide_batch(fields, WIDE, rows=9)
    outputs = []
    for count in (1, threads):
        with mock.patch.object(passes, "thread_count", return_value=count):
            outputs.append(ENGINES["fused"](layers, inputs, mask))
    for one, other in zip(*outputs, strict=True):
        assert torch.equal(one.sequence, other.sequence)


@pytest.mark.parametrize("fields", CELLS)
def test_threads_of_python_compute_at_once(fields: dict) -> None:
    """The kernel runs without the interpreter's lock."""
    batches = [large_batch(fields, rows, 29) for rows in (3, 5, 7, 11) * 5]
    alone = [results("fused", *batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: results("fused", *batch), batches))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(*both) for both in zip(one, other, strict=True))


def flags_of(tensor: Tensor) -> set[str]:
    """What the system does with the memory in the middle of a tensor."""
    middle = tensor.data_ptr() + tensor.nbytes // 2
    flags: set[str] = set()
    within = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            within = int(bounds[1], 16) <= middle < int(bounds[2], 16)
        elif within and line.startswith("VmFlags:"):
            flags |= set(line.split()[1:])
    return flags


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="the system has no large pages"
)
def test_large_arrays_have_large_pages_and_the_same_numbers() -> None:
    layers = [one._replace(state=()) for one in pair(Recurrent(cell="rnn", hidden_size=64))]
    inputs = uniform(4800, 10, INPUT, seed=61)  # 24 MB a direction, and twice as much side by side
    wanted = [one.weights.weight_hh.requires_grad_() for one in layers]
    found = []
    for engine in ("fused", "batched"):
        outcomes = ENGINES[engine](layers, inputs, None)
        loss = sum(one.sequence[:, ::7].sum() for one in outcomes)
        assert isinstance(loss, Tensor)
        found.append((outcomes[0].sequence, *torch.autograd.grad(loss, wanted)))
    assert "hg" in flags_of(found[0][0])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
