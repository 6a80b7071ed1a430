"""The Triton kernels compute what the readable engine computes, gradients too.

Without a GPU they run in Triton's interpreter; `tests/nn/test_triton_compilation.py` compiles them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="triton is not installed")
CUDA = torch.cuda.is_available()

from birnn_lightning.nn.engines import ENGINES, choose_engine, scan  # noqa: E402
from birnn_lightning.nn.engines import triton as engine  # noqa: E402
from birnn_lightning.nn.engines.interface import Direction, Engine, Outcome  # noqa: E402
from birnn_lightning.nn.engines.triton import function, memory  # noqa: E402
from birnn_lightning.nn.specs import Recurrent  # noqa: E402
from tests.nn.samples import BATCH, EVERY_MASK, HIDDEN, MASKS, features, uniform  # noqa: E402
from tests.nn.test_batched import (  # noqa: E402
    CELLS,
    FLOAT32_TOLERANCE,
    TOLERANCE,
    Layers,
    dropping,
    results,
)
from tests.nn.test_engines import (  # noqa: E402
    ARRANGEMENTS,
    largest_difference,
    pair,
    to_float32,
)

DEVICE = "cuda" if CUDA else "cpu"
ROWS = 21  # more than a program takes


def there(run: Engine) -> Engine:
    """The engine on the device of the kernels, from tensors on the CPU and back."""

    def to(tensor: Any) -> Any:
        return None if tensor is None else tensor.to(DEVICE)

    def moved(layers: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        outcomes = run(
            [
                one._replace(
                    weights=type(one.weights)(*map(to, one.weights)),
                    state=tuple(map(to, one.state)),
                    dropout=type(one.dropout)(*map(to, one.dropout)),
                )
                for one in layers
            ],
            to(inputs),
            to(mask),
        )
        return [
            type(one)(one.sequence.cpu(), tuple(state.cpu() for state in one.state))
            for one in outcomes
        ]

    return moved


def difference(layers: Layers, mask: Tensor | None) -> float:
    """The largest between both engines, of 1 or of the largest number, which a gradient may be."""
    ours, theirs = (results(run, layers, features(), mask) for run in (there(engine.run), scan.run))
    scale = max(1.0, *(float(one.abs().max()) for one in theirs if one.numel()))
    return largest_difference(ours, theirs) / scale


@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan(spec: Recurrent, mask: Tensor | None) -> None:
    assert difference(pair(spec), mask) <= TOLERANCE


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
def test_directions_of_any_kind(arrange: Callable[[Recurrent], Layers]) -> None:
    spec = Recurrent(cell="gru", hidden_size=HIDDEN)
    assert difference(arrange(spec), MASKS["interior"]) <= TOLERANCE


@pytest.mark.parametrize(
    ("inputs", "state"),
    [("one", False), ("each", False), ("no", True), ("each", True)],
    ids=["inputs", "inputs of gates", "state", "inputs and state"],
)
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan_with_dropout(spec: Recurrent, inputs: str, state: bool) -> None:
    layers = dropping(pair(spec), inputs, state)
    assert difference(layers, MASKS["interior"]) <= TOLERANCE


@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan_without_bias(spec: Recurrent) -> None:
    assert difference(pair(replace(spec, use_bias=False)), None) <= TOLERANCE


@pytest.mark.parametrize("name", engine.ACTIVATIONS)
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan_with_activation(spec: Recurrent, name: str) -> None:
    gates = {} if spec.cell == "rnn" else {"recurrent_activation": name}
    smaller = [
        one._replace(weights=one.weights._replace(weight_hh=one.weights.weight_hh / 3))
        for one in pair(replace(spec, activation=name, **gates))
    ]
    assert difference(smaller, MASKS["interior"]) <= TOLERANCE


@pytest.mark.parametrize("hidden", [1, 17, 64])
@pytest.mark.parametrize("spec", CELLS)
def test_other_sizes(spec: Recurrent, hidden: int) -> None:
    layers = pair(replace(spec, hidden_size=hidden))
    assert difference(layers, MASKS["interior"]) <= TOLERANCE


@pytest.mark.parametrize("hidden", [64, 67, 128])
@pytest.mark.parametrize("spec", CELLS)
def test_other_sizes_in_float32(spec: Recurrent, hidden: int) -> None:
    """Matrices that stay in a program, and larger ones that it reads at each step."""
    layers = [
        one._replace(weights=one.weights._replace(weight_hh=one.weights.weight_hh / 5))
        for one in pair(replace(spec, hidden_size=hidden))
    ]
    truth = results(scan.run, layers, features(), MASKS["interior"])
    run = there(engine.run)
    single = results(run, to_float32(layers), features().float(), MASKS["interior"])
    for one, other in zip(single, truth, strict=True):
        scale = max(1.0, float(other.abs().max()))
        assert float((one.double() - other).abs().max()) / scale <= FLOAT32_TOLERANCE


@pytest.mark.parametrize("spec", CELLS)
def test_several_tiles_of_rows(spec: Recurrent) -> None:
    layers = [
        one._replace(state=tuple(state.repeat(11, 1)[:ROWS] for state in one.state))
        for one in pair(spec)
    ]
    inputs, mask = features().repeat(11, 1, 1)[:ROWS], MASKS["interior"].repeat(11, 1)[:ROWS]
    assert len(features()) == BATCH < ROWS <= 11 * BATCH
    found = [
        results(run, layers, inputs.detach() * uniform(ROWS, 1, 1, seed=3), mask)
        for run in (there(engine.run), scan.run)
    ]
    assert largest_difference(*found) <= TOLERANCE


def test_an_empty_batch() -> None:
    layers = [
        one._replace(state=tuple(state[:0] for state in one.state))
        for one in pair(Recurrent(cell="lstm", hidden_size=HIDDEN))
    ]
    inputs = features().detach()[:0]
    for mask in (None, MASKS["interior"][:0]):
        ours, readable = (
            results(run, layers, inputs, mask) for run in (there(engine.run), scan.run)
        )
        assert all(map(torch.equal, ours, readable))


def test_tanh_is_exact_near_zero() -> None:
    spec = Recurrent(cell="rnn", hidden_size=1, use_bias=False)
    (one,) = pair(spec)[:1]
    values = torch.tensor([1e-12, 1e-5, 0.3, 0.62, 0.63, 5.0, 40.0, -0.4, -3.0]).double()
    weights = one.weights._replace(
        weight_ih=torch.ones(1, 1).double(), weight_hh=torch.zeros(1, 1).double()
    )
    layers = [one._replace(weights=weights, state=(torch.zeros(9, 1).double(),))]
    (found,) = there(engine.run)(layers, values[:, None, None], None)
    truth = torch.tanh(values)
    assert ((found.sequence[:, 0, 0] - truth) / truth).abs().max() < 1e-15


def test_a_second_derivative_is_refused() -> None:
    layers = pair(Recurrent(cell="gru", hidden_size=3))
    inputs = features().requires_grad_()
    output = there(engine.run)(layers, inputs, None)[0].sequence.sum()
    (gradient,) = torch.autograd.grad(output, inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="engine 'triton' has no second derivative"):
        gradient.sum().backward()


def test_what_it_cannot_run_is_said() -> None:
    assert "triton" in ENGINES
    gru = Recurrent(cell="gru", hidden_size=129)
    with pytest.raises(ValueError, match="take 128 units at most, not 129"):
        choose_engine([gru], "triton", device="cuda")
    gru = Recurrent(cell="gru", hidden_size=65)
    with pytest.raises(ValueError, match="take 64 units at most in float64, not 65"):
        choose_engine([gru], "triton", device="cuda", dtype=torch.float64)
    with pytest.raises(ValueError, match="no activation 'softmax'"):
        choose_engine([Recurrent(cell="rnn", hidden_size=3, activation="softmax")], "triton")


@pytest.mark.parametrize(("capability", "can"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_an_older_gpu_has_another_engine(
    capability: tuple[int, int], can: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    choice = choose_engine([Recurrent(cell="gru", hidden_size=3, reset_after=False)], device="cuda")
    assert (choice.name == "triton") is can
    assert can or "need compute capability 8.0; this GPU has 7.5" in choice.reason


@pytest.mark.parametrize("kilobytes", [99, 163])
@pytest.mark.parametrize("spec", CELLS)
def test_matrices_are_read_at_each_step_where_there_is_little_memory(
    spec: Recurrent, kilobytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """99 KB have the GPUs of capability 8.6 and 8.9, 163 an A100."""
    monkeypatch.setattr(memory, "shared_bytes", lambda device: kilobytes * 1024)
    seen = []
    constants = function.Run.constants

    def spy(self: function.Run, *arguments: Any) -> dict[str, Any]:
        found = constants(self, *arguments)
        seen.append(found["RESIDENT"])
        return found

    monkeypatch.setattr(function.Run, "constants", spy)
    layers = to_float32(pair(replace(spec, hidden_size=64)))
    results(there(engine.run), layers, features().float(), None)
    assert set(seen) == {kilobytes > 100 or spec.cell == "rnn"}


def test_without_the_interpreter_it_is_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ValueError, match="are for a GPU; the layer is on 'cpu'"):
        choose_engine([Recurrent(cell="gru", hidden_size=3)], "triton", device="cpu")
