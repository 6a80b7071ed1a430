"""The batched engine computes what the readable one computes, gradients too."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.cells import cell_of
from birnn_lightning.nn.engines import Direction, DropoutFactors, batched, scan
from birnn_lightning.nn.engines.batched import passes, steps
from birnn_lightning.nn.engines.batched.activations import ACROSS_UNITS, OF_OUTPUT
from birnn_lightning.nn.engines.interface import Engine
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import BATCH, EVERY_MASK, HIDDEN, INPUT, MASKS, TIME, features, uniform
from tests.nn.test_engines import ARRANGEMENTS, largest_difference, pair, tensors_of, to_float32

Layers = list[Direction]
TOLERANCE = 1e-12  # float64: what is left are other orders of the same sums
FLOAT32_TOLERANCE = 3e-5  # as that of the other engines


def spec(**fields) -> Recurrent:
    return Recurrent(hidden_size=HIDDEN, **fields)


CELLS = [
    pytest.param(spec(cell="rnn"), id="rnn"),
    pytest.param(spec(cell="lstm"), id="lstm"),
    pytest.param(spec(cell="gru"), id="gru"),
    pytest.param(spec(cell="gru", reset_after=False), id="gru reset before"),
]
SOME_MASKS = [
    pytest.param(None, id="no mask"),
    pytest.param(MASKS["interior"], id="interior"),
    pytest.param(MASKS["empty row"], id="empty row"),
]


def results(run: Engine, layers: Layers, inputs: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Outputs, final states, and the gradients of inputs, weights and initial states."""
    leaves = [inputs.requires_grad_(), *(tensor.requires_grad_() for tensor in tensors_of(layers))]
    outputs = [part for one in run(layers, inputs, mask) for part in (one.sequence, *one.state)]
    gradients = [
        uniform(*output.shape, seed=seed).to(output.dtype) for seed, output in enumerate(outputs)
    ]
    found = torch.autograd.grad(outputs, leaves, gradients)
    return [*(output.detach() for output in outputs), *found]


def difference(layers: Layers, mask: Tensor | None) -> float:
    """The largest between both engines."""
    ours = results(batched.run, layers, features(), mask)
    return largest_difference(ours, results(scan.run, layers, features(), mask))


def dropping(layers: Layers, inputs: str, state: bool) -> Layers:
    """The layers with random factors: of the inputs for ``"no"``, ``"one"`` or ``"each"`` gate."""
    found = []
    for seed, one in enumerate(layers):
        gates = len(cell_of(one.spec).gates)
        count = {"no": 0, "one": 1, "each": gates}[inputs]
        of_inputs = uniform(BATCH, count, INPUT, seed=40 + seed) if count else None
        of_state = uniform(BATCH, gates, one.spec.hidden_size, seed=50 + seed) if state else None
        found.append(one._replace(dropout=DropoutFactors(of_inputs, of_state)))
    return found


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan(
    spec: Recurrent, mask: Tensor | None, arrange: Callable[[Recurrent], Layers]
) -> None:
    assert difference(arrange(spec), mask) <= TOLERANCE


@pytest.mark.parametrize("arrange", ARRANGEMENTS[:2])
@pytest.mark.parametrize(
    ("inputs", "state"),
    [("one", False), ("each", False), ("no", True), ("each", True)],
    ids=["inputs", "inputs of gates", "state", "inputs and state"],
)
@pytest.mark.parametrize("mask", SOME_MASKS)
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan_with_dropout(
    spec: Recurrent,
    mask: Tensor | None,
    inputs: str,
    state: bool,
    arrange: Callable[[Recurrent], Layers],
) -> None:
    layers = arrange(spec)
    dropped = dropping(layers, inputs, state)
    assert difference(dropped, mask) <= TOLERANCE
    ours = results(batched.run, dropped, features(), mask)
    assert largest_difference(ours, results(batched.run, layers, features(), mask)) > 1e-2


@pytest.mark.parametrize("steps_of_a_segment", [1, 3])
@pytest.mark.parametrize("state", [False, True], ids=["plain", "state dropped"])
@pytest.mark.parametrize("mask", SOME_MASKS)
@pytest.mark.parametrize("spec", CELLS)
def test_segments_of_any_length(
    spec: Recurrent,
    mask: Tensor | None,
    state: bool,
    steps_of_a_segment: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "SEGMENT_STEPS", steps_of_a_segment)
    steps._steps_without_mask.cache_clear()
    try:
        assert difference(dropping(pair(spec), "no", state), mask) <= TOLERANCE
    finally:
        steps._steps_without_mask.cache_clear()


@pytest.mark.parametrize("mask", SOME_MASKS)
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan_without_bias(spec: Recurrent, mask: Tensor | None) -> None:
    assert difference(pair(replace(spec, use_bias=False)), mask) <= TOLERANCE


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - set(ACROSS_UNITS)))
@pytest.mark.parametrize("spec", CELLS)
def test_equals_scan_with_activation(spec: Recurrent, name: str) -> None:
    other = "sigmoid" if name == "exponential" else name  # which would overflow
    layers = pair(replace(spec, activation=other))
    if spec.cell != "rnn":
        layers = pair(replace(spec, activation=other, recurrent_activation=name))
    # Weights a third as large: some activations grow from step to step.
    layers = [
        one._replace(weights=one.weights._replace(weight_hh=one.weights.weight_hh / 3))
        for one in layers
    ]
    mask = MASKS["interior"]
    truth = results(scan.run, layers, features(), mask)
    assert all(torch.isfinite(one).all() for one in truth)
    scale = max(1.0, *(float(one.abs().max()) for one in truth))
    assert largest_difference(results(batched.run, layers, features(), mask), truth) <= (
        TOLERANCE * scale
    )


@pytest.mark.parametrize("name", sorted(OF_OUTPUT))
@pytest.mark.parametrize("sum_of_inputs", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("spec", CELLS)
def test_slopes_at_kinks(spec: Recurrent, sum_of_inputs: float, name: str) -> None:
    layers = pair(replace(spec, activation=name))
    if spec.cell != "rnn":
        layers = pair(replace(spec, activation=name, recurrent_activation=name))
    for tensor in tensors_of(layers):
        tensor.zero_()
    for one in layers:
        assert one.weights.bias_ih is not None
        one.weights.bias_ih.fill_(sum_of_inputs)
    assert difference(layers, MASKS["one valid step"]) <= TOLERANCE


@pytest.mark.parametrize("content", [float("nan"), float("inf")])
@pytest.mark.parametrize("spec", CELLS)
def test_no_content_of_masked_steps_matters(spec: Recurrent, content: float) -> None:
    mask = MASKS["empty row"]
    padded = torch.where(mask[..., None], features(), content)
    ours = results(batched.run, pair(spec), padded, mask)
    theirs = results(batched.run, pair(spec), torch.where(mask[..., None], features(), 0), mask)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert all(torch.isfinite(one).all() for one in ours)


@pytest.mark.parametrize("mask", SOME_MASKS)
@pytest.mark.parametrize("spec", CELLS)
def test_float32_is_rounding_away_from_float64(spec: Recurrent, mask: Tensor | None) -> None:
    truth = results(scan.run, pair(spec), features(), mask)
    ours = results(batched.run, to_float32(pair(spec)), features().float(), mask)
    assert all(one.dtype == torch.float32 for one in ours)
    assert largest_difference([one.double() for one in ours], truth) <= FLOAT32_TOLERANCE


@pytest.mark.parametrize("mask", SOME_MASKS)
@pytest.mark.parametrize(("batch", "time"), [(1, TIME), (BATCH, 1), (0, TIME), (BATCH, 0)], ids=str)
@pytest.mark.parametrize("spec", CELLS)
def test_small_axes(spec: Recurrent, batch: int, time: int, mask: Tensor | None) -> None:
    layers = [one._replace(state=tuple(s[:batch] for s in one.state)) for one in pair(spec)]
    inputs = uniform(batch, time, INPUT, seed=3)
    if mask is not None:
        mask = mask[:batch, :time]
    if not time:  # the readable engine stacks no steps
        (first, second) = batched.run(layers, inputs, mask)
        assert torch.equal(first.state[0], layers[0].state[0])
        assert second.sequence.shape == (batch, 0, HIDDEN)
        return
    ours = results(batched.run, layers, inputs, mask)
    for one, other in zip(ours, results(scan.run, layers, inputs, mask), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("spec", CELLS)
def test_the_comparison_can_fail(spec: Recurrent) -> None:
    layers = pair(spec)
    swapped = [
        first._replace(weights=second.weights)
        for first, second in zip(layers, reversed(layers), strict=True)
    ]
    ours = results(batched.run, swapped, features(), None)
    assert largest_difference(ours, results(scan.run, layers, features(), None)) > 1e-2


@pytest.mark.parametrize("mask", SOME_MASKS)
@pytest.mark.parametrize("spec", CELLS)
def test_a_sequence_that_nobody_wants_has_no_steps(spec: Recurrent, mask: Tensor | None) -> None:
    layers = [one._replace(wants_sequence=False) for one in pair(spec)]
    for ours, theirs in zip(
        batched.run(layers, features(), mask), scan.run(layers, features(), mask), strict=True
    ):
        assert ours.sequence.shape == (BATCH, 0, HIDDEN)
        torch.testing.assert_close(ours.state, theirs.state, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("arrange", "calls"), list(zip(ARRANGEMENTS, (1, 2, 1, 1), strict=True)))
@pytest.mark.parametrize("spec", CELLS)
def test_equal_directions_run_at_once_and_not_in_scan(
    spec: Recurrent,
    arrange: Callable[[Recurrent], Layers],
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = []

    def refuse(*_: object) -> None:
        raise AssertionError("the readable engine ran")

    def count(*arguments) -> object:
        counted.append(arguments)
        return passes.run_forward(*arguments)

    monkeypatch.setattr(scan, "cell_of", refuse)
    monkeypatch.setattr(batched, "run_forward", count)
    with torch.no_grad():
        batched.run(arrange(spec), features(), None)
    assert len(counted) == calls
    with pytest.raises(AssertionError, match="the readable engine ran"):
        scan.run(arrange(spec), features(), None)


@pytest.mark.parametrize("name", ACROSS_UNITS)
def test_activations_across_units_stand_in_the_way(name: str) -> None:
    reason = f"the batched engine computes units apart, which activation {name!r} mixes"
    assert batched.obstacle(spec(cell="rnn", activation=name), training=True) == reason
    gated = spec(cell="gru", recurrent_activation=name)
    assert batched.obstacle(gated, training=False) == reason


@pytest.mark.parametrize("spec", CELLS)
def test_nothing_else_stands_in_the_way(spec: Recurrent) -> None:
    dropped = replace(spec, activation="gelu", dropout=0.25, recurrent_dropout=0.25)
    assert batched.obstacle(dropped, training=True) is None
