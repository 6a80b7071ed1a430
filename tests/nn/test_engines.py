"""Torch's kernel computes what the readable engine computes, gradients too, for every mask."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.engines import ENGINES, Direction, DropoutFactors, native
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import (
    BATCH,
    EVERY_MASK,
    HIDDEN,
    INPUT,
    MASKS,
    OTHER_HIDDEN,
    TIME,
    direction,
    features,
    uniform,
)

Layers = list[Direction]
FLOAT64_TOLERANCE = 1e-12
# Rounding of float32 (6e-8), in sums of 5 + 3 products, carried through 7 steps and summed over the
# 14 steps of a batch, of gradients up to 10: 3e-5. Swapped gates differ by more than 1e-2.
FLOAT32_TOLERANCE = 3e-5


def spec(**fields) -> Recurrent:
    return Recurrent(hidden_size=HIDDEN, **fields)


def pair(forward: Recurrent) -> Layers:
    backward = replace(forward, go_backwards=True)
    return [direction(forward, seed=10), direction(backward, seed=20)]


def unequal_pair(forward: Recurrent) -> Layers:
    backward = replace(forward, go_backwards=True, hidden_size=OTHER_HIDDEN)
    return [direction(forward, seed=10), direction(backward, seed=20)]


def alone(forward: Recurrent) -> Layers:
    return [direction(forward)]


def backwards_alone(forward: Recurrent) -> Layers:
    return [direction(replace(forward, go_backwards=True))]


CELLS = [
    pytest.param(spec(cell="rnn"), id="rnn"),
    pytest.param(spec(cell="rnn", activation="relu"), id="rnn relu"),
    pytest.param(spec(cell="lstm"), id="lstm"),
    pytest.param(spec(cell="gru"), id="gru"),
]
ARRANGEMENTS = [pair, unequal_pair, alone, backwards_alone]


def tensors_of(layers: Layers) -> list[Tensor]:
    """Weights and initial states."""
    return [tensor for one in layers for tensor in (*one.weights, *one.state) if tensor is not None]


def results(engine: str, layers: Layers, inputs: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Outputs, final states, and the gradients of inputs, weights and initial states."""
    leaves = [inputs.requires_grad_(), *(tensor.requires_grad_() for tensor in tensors_of(layers))]
    outcomes = ENGINES[engine](layers, inputs, mask)
    outputs = [tensor for sequence, state in outcomes for tensor in (sequence, *state)]
    # Weighted differently everywhere: a plain sum would not see outputs that change places.
    loss = sum(
        (output * uniform(*output.shape, seed=index).to(output.dtype)).sum()
        for index, output in enumerate(outputs)
    )
    assert isinstance(loss, Tensor)
    return [*(output.detach() for output in outputs), *torch.autograd.grad(loss, leaves)]


def to_float32(layers: Layers) -> Layers:
    return [
        one._replace(
            weights=type(one.weights)(
                *(None if tensor is None else tensor.float() for tensor in one.weights)  # type: ignore[arg-type]
            ),
            state=tuple(tensor.float() for tensor in one.state),
        )
        for one in layers
    ]


def largest_difference(ours: list[Tensor], theirs: list[Tensor]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs)


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("spec", CELLS)
def test_native_equals_scan(
    spec: Recurrent, mask: Tensor | None, arrange: Callable[[Recurrent], Layers]
) -> None:
    layers = arrange(spec)
    ours = results("native", layers, features(), mask)
    theirs = results("scan", layers, features(), mask)
    assert largest_difference(ours, theirs) <= FLOAT64_TOLERANCE


@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("spec", CELLS)
def test_native_equals_scan_without_bias(spec: Recurrent, mask: Tensor | None) -> None:
    layers = pair(replace(spec, use_bias=False))
    ours = results("native", layers, features(), mask)
    theirs = results("scan", layers, features(), mask)
    assert largest_difference(ours, theirs) <= FLOAT64_TOLERANCE


@pytest.mark.parametrize("engine", ["native", "scan"])
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("spec", CELLS)
def test_float32_is_rounding_away_from_float64(
    spec: Recurrent, mask: Tensor | None, engine: str
) -> None:
    truth = results("scan", pair(spec), features(), mask)
    ours = results(engine, to_float32(pair(spec)), features().float(), mask)
    assert largest_difference([one.double() for one in ours], truth) <= FLOAT32_TOLERANCE


@pytest.mark.parametrize("spec", CELLS)
def test_the_comparison_can_fail(spec: Recurrent) -> None:
    layers = pair(spec)
    swapped = [
        first._replace(weights=second.weights)
        for first, second in zip(layers, reversed(layers), strict=True)
    ]
    ours = results("native", swapped, features(), None)
    theirs = results("scan", layers, features(), None)
    assert largest_difference(ours, theirs) > 1e-2


@pytest.mark.parametrize(
    ("batch", "time"),
    [
        pytest.param(1, TIME, id="batch 1"),
        pytest.param(BATCH, 1, id="time 1"),
        pytest.param(0, TIME, id="empty batch"),
    ],
)
@pytest.mark.parametrize("masked", [False, True], ids=["no mask", "masked"])
@pytest.mark.parametrize("spec", CELLS)
def test_small_axes(spec: Recurrent, masked: bool, batch: int, time: int) -> None:
    layers = [one._replace(state=tuple(s[:batch] for s in one.state)) for one in pair(spec)]
    inputs = uniform(batch, time, INPUT, seed=3)
    mask = torch.ones(batch, time, dtype=torch.bool) if masked else None
    ours, theirs = (ENGINES[name](layers, inputs, mask) for name in ("native", "scan"))
    for one, other in zip(ours, theirs, strict=True):
        assert one.sequence.shape == (batch, time, HIDDEN)
        torch.testing.assert_close(one, other, rtol=0, atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("content", [float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("engine", ["native", "scan"])
@pytest.mark.parametrize("spec", CELLS)
def test_no_content_of_masked_steps_matters(spec: Recurrent, engine: str, content: float) -> None:
    mask = torch.tensor([[False] * TIME, [step in (1, 2, 5) for step in range(TIME)]])
    padded = torch.where(mask[..., None], features(), content)
    clean = torch.where(mask[..., None], features(), 0)
    ours = results(engine, pair(spec), padded, mask)
    theirs = results(engine, pair(spec), clean, mask)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert all(torch.isfinite(one).all() for one in ours)


class Spy:
    """Calls a kernel and counts."""

    def __init__(self, kernel: Callable) -> None:
        self.kernel = kernel
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.kernel(*arguments)


@pytest.mark.parametrize(
    ("arrange", "calls"),
    [
        pytest.param(pair, 1, id="pair in one call"),
        pytest.param(unequal_pair, 2, id="unequal pair"),
        pytest.param(backwards_alone, 1, id="backwards alone"),
    ],
)
@pytest.mark.parametrize("spec", CELLS)
def test_native_calls_the_kernel(
    spec: Recurrent,
    arrange: Callable[[Recurrent], Layers],
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = (spec.cell, spec.activation)
    spy = Spy(native.KERNELS[key])
    monkeypatch.setitem(native.KERNELS, key, spy)
    ENGINES["native"](arrange(spec), features(), None)
    assert spy.calls == calls
    ENGINES["scan"](arrange(spec), features(), None)
    assert spy.calls == calls, "scan called a kernel"


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("spec", CELLS)
def test_native_equals_scan_with_dropped_inputs(
    spec: Recurrent, mask: Tensor | None, arrange: Callable[[Recurrent], Layers]
) -> None:
    layers = [
        one._replace(dropout=DropoutFactors(inputs=uniform(BATCH, 1, INPUT, seed=seed)))
        for seed, one in enumerate(arrange(spec))
    ]
    ours = results("native", layers, features(), mask)
    theirs = results("scan", layers, features(), mask)
    assert largest_difference(ours, theirs) <= FLOAT64_TOLERANCE
    undropped = results("native", arrange(spec), features(), mask)
    assert largest_difference(ours, undropped) > 1e-2
