"""The compiled kernel computes what the readable engine computes, gradients too."""

from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.cells import Weights, cell_of
from birnn_lightning.nn.engines import ENGINES, Direction, DropoutFactors, fused, scan
from birnn_lightning.nn.engines.fused import compilation, function, passes
from birnn_lightning.nn.engines.fused.calls import ACTIVATIONS
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import BATCH, EVERY_MASK, INPUT, MASKS, direction, features, uniform
from tests.nn.test_engines import (
    ARRANGEMENTS,
    FLOAT32_TOLERANCE,
    FLOAT64_TOLERANCE,
    Layers,
    alone,
    largest_difference,
    pair,
    results,
    to_float32,
)

needs_a_compiler = pytest.mark.skipif(
    compilation.find_compiler() is None, reason="there is no C compiler"
)
pytestmark = needs_a_compiler
SMALL, WHOLE, MIXED = 5, 16, 37
"""Hidden sizes: less than a vector, whole ones, and whole ones with a rest."""
CELLS = [
    pytest.param({"cell": "rnn"}, id="rnn"),
    pytest.param({"cell": "lstm"}, id="lstm"),
    pytest.param({"cell": "gru"}, id="gru"),
    pytest.param({"cell": "gru", "reset_after": False}, id="gru reset before"),
]


def spec(**fields) -> Recurrent:
    return Recurrent(**{"hidden_size": SMALL, **fields})


def assert_equals_scan(layers: Layers, inputs: Tensor, mask: Tensor | None) -> None:
    """Relative to the largest number: gradients grow with the hidden size."""
    ours = results("fused", layers, inputs, mask)
    theirs = results("scan", layers, inputs, mask)
    scale = max(1.0, *(float(one.abs().max()) for one in theirs if one.numel()))
    assert largest_difference(ours, theirs) <= FLOAT64_TOLERANCE * scale


def dropping(layers: Layers, inputs: bool, state: bool) -> Layers:
    """With random factors; a gate has its own where the state is dropped, as in Keras."""

    def factors(one: Direction, seed: int) -> DropoutFactors:
        gates = len(cell_of(one.spec).gates)
        batch, hidden = one.state[0].shape
        return DropoutFactors(
            uniform(batch, gates if state else 1, INPUT, seed=seed) if inputs else None,
            uniform(batch, gates, hidden, seed=seed + 1) if state else None,
        )

    return [one._replace(dropout=factors(one, 70 + i)) for i, one in enumerate(layers)]


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("fields", CELLS)
def test_equals_scan(
    fields: dict, mask: Tensor | None, arrange: Callable[[Recurrent], Layers]
) -> None:
    assert_equals_scan(arrange(spec(**fields)), features(), mask)


@pytest.mark.parametrize("hidden_size", [WHOLE, MIXED])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("fields", CELLS)
def test_equals_scan_at_any_size(fields: dict, use_bias: bool, hidden_size: int) -> None:
    sized = spec(**fields, hidden_size=hidden_size, use_bias=use_bias)
    assert_equals_scan(pair(sized), features(), MASKS["interior"])


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize(("inputs", "state"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("fields", CELLS)
def test_equals_scan_with_dropout(
    fields: dict,
    inputs: bool,
    state: bool,
    mask: Tensor | None,
    arrange: Callable[[Recurrent], Layers],
) -> None:
    layers = dropping(arrange(spec(**fields)), inputs, state)
    assert_equals_scan(layers, features(), mask)
    dropped = results("fused", layers, features(), mask)
    whole = results("fused", arrange(spec(**fields)), features(), mask)
    assert largest_difference(dropped, whole) > 1e-2


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("fields", CELLS)
def test_equals_scan_with_every_activation(fields: dict, activation: str) -> None:
    gates = {} if fields["cell"] == "rnn" else {"recurrent_activation": activation}
    for settings, mask in (({"activation": activation}, None), (gates, MASKS["interior"])):
        layers = [
            one._replace(weights=Weights(*(w if w is None else 0.1 * w for w in one.weights)))  # type: ignore[arg-type]
            for one in pair(spec(**fields, **settings))
        ]
        assert_equals_scan(layers, features(), mask)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_at_kinks_are_those_of_autograd(activation: str) -> None:
    """One unit whose sum is just the input, at every number where a slope jumps."""
    identity = spec(cell="rnn", hidden_size=1, activation=activation, use_bias=False)
    kinks = torch.tensor([-3.0, -2.5, -1, -0.0, 0, 1, 2.5, 3, 6, 1e-30, -1e-30])
    found = []
    for engine in ("fused", "scan"):
        inputs = kinks.double()[:, None, None].requires_grad_()
        one = direction(identity)._replace(
            weights=direction(identity).weights._replace(
                weight_ih=torch.ones(1, 1, dtype=torch.float64),
                weight_hh=torch.zeros(1, 1, dtype=torch.float64),
            ),
            state=(torch.zeros(len(kinks), 1, dtype=torch.float64),),
        )
        ((sequence, _),) = ENGINES[engine]([one], inputs, None)
        found.append([sequence, *torch.autograd.grad(sequence.sum(), inputs)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("fields", CELLS)
def test_float32_is_rounding_away_from_float64(fields: dict, mask: Tensor | None) -> None:
    truth = results("scan", pair(spec(**fields)), features(), mask)
    ours = results("fused", to_float32(pair(spec(**fields))), features().float(), mask)
    assert largest_difference([one.double() for one in ours], truth) <= FLOAT32_TOLERANCE


@pytest.mark.parametrize(("batch", "time"), [(1, 7), (BATCH, 1), (0, 7)])
@pytest.mark.parametrize("masked", [False, True], ids=["no mask", "masked"])
@pytest.mark.parametrize("fields", CELLS)
def test_small_axes(fields: dict, masked: bool, batch: int, time: int) -> None:
    layers = [
        one._replace(state=tuple(state[:batch] for state in one.state))
        for one in pair(spec(**fields))
    ]
    inputs = uniform(batch, time, INPUT, seed=3)
    mask = torch.ones(batch, time, dtype=torch.bool) if masked else None
    ours, theirs = (ENGINES[name](layers, inputs, mask) for name in ("fused", "scan"))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("content", [float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("fields", CELLS)
def test_no_content_of_masked_steps_matters(fields: dict, content: float) -> None:
    mask = torch.tensor([[False] * 7, [step in (1, 2, 5) for step in range(7)]])
    padded = torch.where(mask[..., None], features(), content)
    clean = torch.where(mask[..., None], features(), 0)
    ours = results("fused", pair(spec(**fields)), padded, mask)
    theirs = results("fused", pair(spec(**fields)), clean, mask)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert all(torch.isfinite(one).all() for one in ours)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("fields", CELLS)
def test_what_is_not_finite_stays_so(fields: dict, number: float) -> None:
    inputs = features()
    inputs[0, 2, 1] = number
    ours, theirs = (
        torch.cat([one.sequence for one in ENGINES[name](alone(spec(**fields)), inputs, None)])
        for name in ("fused", "scan")
    )
    torch.testing.assert_close(ours, theirs, equal_nan=True, rtol=0, atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("fields", CELLS)
def test_the_final_state_alone(fields: dict) -> None:
    layers = [one._replace(wants_sequence=False) for one in pair(spec(**fields))]
    outcomes = ENGINES["fused"](layers, features(), MASKS["interior"])
    whole = ENGINES["scan"](layers, features(), MASKS["interior"])
    for outcome, other in zip(outcomes, whole, strict=True):
        assert outcome.sequence.numel() == 0
        torch.testing.assert_close(outcome.state, other.state, rtol=0, atol=FLOAT64_TOLERANCE)
    leaf = layers[0].weights.weight_hh.requires_grad_()
    grads = [
        torch.autograd.grad(ENGINES[name](layers, features(), None)[0].state[0].sum(), leaf)[0]
        for name in ("fused", "scan")
    ]
    torch.testing.assert_close(*grads, rtol=0, atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("fields", CELLS)
def test_bfloat16_comes_back_as_bfloat16(fields: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor that does not multiply it; `test_fused_bfloat16` has those that do."""
    monkeypatch.setattr(fused, "multiplies_bfloat16", lambda: False)
    inputs = features().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = ENGINES["fused"](to_float32(pair(spec(**fields))), inputs, None)
    exact = ENGINES["scan"](pair(spec(**fields)), inputs.double(), None)
    for one, other in zip(ours, exact, strict=True):
        assert one.sequence.dtype == torch.bfloat16
        torch.testing.assert_close(one.sequence.double(), other.sequence, rtol=2**-8, atol=2**-8)


def test_the_kernel_runs_and_scan_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for module, name in ((passes, "call_forward"), (function, "call_backward")):
        call = getattr(module, name)
        spy = mock.Mock(side_effect=lambda *given, n=name, c=call: (names.append(n), c(*given)))
        monkeypatch.setattr(module, name, spy)
    monkeypatch.setattr(scan, "run_direction", mock.Mock(side_effect=AssertionError))
    results("fused", pair(replace(spec(cell="gru"), reset_after=False)), features(), None)
    assert names == ["call_forward", "call_backward"]


def test_the_comparison_can_fail() -> None:
    layers = pair(spec(cell="gru"))
    swapped = [
        one._replace(weights=two.weights) for one, two in zip(layers, reversed(layers), strict=True)
    ]
    ours = results("fused", swapped, features(), None)
    assert largest_difference(ours, results("scan", layers, features(), None)) > 1e-2


def test_an_activation_that_it_lacks() -> None:
    assert fused.obstacle(spec(cell="lstm", recurrent_activation="gelu"), training=True) == (
        "the compiled kernel has no activation 'gelu'"
    )
    assert fused.obstacle(spec(cell="lstm", recurrent_activation="elu"), training=True) is None
