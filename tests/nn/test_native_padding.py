"""Padded and packed batches give torch's kernels the same result, in the type of the inputs."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.engines import Direction, native, scan
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import HIDDEN, MASKS, OTHER_HIDDEN, direction, features, uniform

FLOAT64_TOLERANCE = 1e-12
# bfloat16 keeps 8 bits: 4e-3 of values up to 1, carried through 7 steps of sums of 8 products.
BFLOAT16_TOLERANCE = 0.05
EVERY_MASK = [pytest.param(mask, id=name) for name, mask in MASKS.items()]
RNN, LSTM, GRU = (Recurrent(cell=cell, hidden_size=HIDDEN) for cell in ("rnn", "lstm", "gru"))
RELU = replace(RNN, activation="relu")
BOUNDED = [pytest.param(RNN, id="rnn"), pytest.param(GRU, id="gru")]
CELLS = [*BOUNDED, pytest.param(LSTM, id="lstm"), pytest.param(RELU, id="rnn relu")]


def layers(spec: Recurrent, hidden_size: int = HIDDEN) -> list[Direction]:
    backward = replace(spec, go_backwards=True, hidden_size=hidden_size)
    return [direction(spec, seed=10), direction(backward, seed=20)]


def results(run, directions: list[Direction], inputs: Tensor, mask: Tensor, **options):
    """Outputs, final states, and the gradients of inputs, weights and initial states."""
    tensors = [t for one in directions for t in (*one.weights, *one.state) if t is not None]
    leaves = [inputs.requires_grad_(), *(tensor.requires_grad_() for tensor in tensors)]
    outcomes = run(directions, inputs, mask, **options)
    outputs = [tensor for sequence, state in outcomes for tensor in (sequence, *state)]
    terms = [(out * uniform(*out.shape, seed=seed)).sum() for seed, out in enumerate(outputs)]
    gradients = torch.autograd.grad(torch.stack(terms).sum(), leaves)
    return [*(output.detach() for output in outputs), *gradients]


@pytest.fixture
def batch_sizes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each kernel call was a packed one."""
    packed: list[bool] = []

    def watch(kernel):
        def call(inputs: Tensor, second: Tensor, *rest):
            packed.append(isinstance(second, Tensor) and second.dim() == 1)
            return kernel(inputs, second, *rest)

        return call

    for key, kernel in native.KERNELS.items():
        monkeypatch.setitem(native.KERNELS, key, watch(kernel))
    return packed


@pytest.mark.parametrize("other_size", [HIDDEN, OTHER_HIDDEN])
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "packed"])
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("spec", BOUNDED)
def test_both_ways_equal_scan(
    spec: Recurrent, mask: Tensor, padded: bool, other_size: int, batch_sizes: list[bool]
) -> None:
    directions = layers(spec, other_size)
    ours = results(native.run, directions, features(), mask, padded=padded)
    theirs = results(scan.run, directions, features(), mask)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=FLOAT64_TOLERANCE)
    assert set(batch_sizes) == {not padded}
    assert len(batch_sizes) == (2 if padded or other_size != HIDDEN else 1)


@pytest.mark.parametrize("spec", [LSTM, RELU], ids=["lstm", "rnn relu"])
def test_what_cannot_run_padded_runs_packed(spec: Recurrent, batch_sizes: list[bool]) -> None:
    native.run(layers(spec), features(), MASKS["right"], padded=True)
    assert batch_sizes == [True]


@pytest.mark.parametrize("other_size", [HIDDEN, OTHER_HIDDEN])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_an_lstm_whose_memory_nobody_wants_runs_padded(
    mask: Tensor, other_size: int, batch_sizes: list[bool]
) -> None:
    def outputs_alone(run):
        def call(*arguments, **options):
            found = run(*arguments, **options)
            return [one._replace(state=one.state[:1]) for one in found]

        return call

    directions = [one._replace(wants_memory=False) for one in layers(LSTM, other_size)]
    ours = results(outputs_alone(native.run), directions, features(), mask, padded=True)
    theirs = results(outputs_alone(scan.run), directions, features(), mask)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=FLOAT64_TOLERANCE)
    assert batch_sizes == [False, False]


@pytest.mark.parametrize("spec", BOUNDED)
@pytest.mark.parametrize(("training", "packed"), [(True, [False, False]), (False, [True])])
def test_the_cpu_pads_in_training(
    spec: Recurrent, training: bool, packed: list[bool], batch_sizes: list[bool]
) -> None:
    with torch.set_grad_enabled(training):
        native.run(layers(spec), features(), MASKS["right"])
    assert batch_sizes == packed


@pytest.mark.parametrize("training", [True, False])
def test_the_cpu_pads_the_lstm(training: bool, batch_sizes: list[bool]) -> None:
    directions = [one._replace(wants_memory=False) for one in layers(LSTM)]
    with torch.set_grad_enabled(training):
        native.run(directions, features(), MASKS["right"])
    assert batch_sizes == [False, False]


@pytest.mark.parametrize("content", [float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "packed"])
@pytest.mark.parametrize("spec", BOUNDED)
def test_no_content_of_masked_steps_matters(spec: Recurrent, padded: bool, content: float) -> None:
    mask = MASKS["empty row"]
    fillings = (torch.where(mask[..., None], features(), value) for value in (content, 0.0))
    ours, theirs = (
        results(native.run, layers(spec), filled, mask, padded=padded) for filled in fillings
    )
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert all(torch.isfinite(one).all() for one in ours)


def test_relu_would_overflow_in_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it is packed: the states grow by a factor of 1e3 a step until they are infinite."""
    growing = [
        one._replace(weights=one.weights._replace(weight_hh=torch.eye(HIDDEN).double() * 1e3))
        for one in layers(RELU)
    ]
    inputs, mask = uniform(2, 211, 3, seed=3), torch.arange(211) < torch.tensor([[2], [3]])
    refused = results(native.run, growing, inputs, mask, padded=True)
    assert all(torch.isfinite(one).all() for one in refused)
    monkeypatch.setattr(native, "runs_padded", lambda spec, wants_memory: True)
    forced = results(native.run, growing, inputs, mask, padded=True)
    assert not all(torch.isfinite(one).all() for one in forced)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "packed"])
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("spec", CELLS)
def test_autocast_keeps_the_type_of_the_inputs(
    spec: Recurrent, mask: Tensor | None, padded: bool, dtype: torch.dtype
) -> None:
    truth = scan.run(layers(spec), features() / 4, mask)
    single = [
        one._replace(
            weights=type(one.weights)(*(t.float().requires_grad_() for t in one.weights)),  # type: ignore[union-attr]
            state=tuple(state.to(dtype) for state in one.state),
        )
        for one in layers(spec)
    ]
    with torch.autocast("cpu", torch.bfloat16):
        outcomes = native.run(single, (features() / 4).to(dtype), mask, padded=padded)
    for ours, theirs in zip(outcomes, truth, strict=True):
        for one, other in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
            assert one.dtype == dtype
            difference = (one.double() - other).abs().max() / other.abs().max().clamp(min=1)
            assert difference <= BFLOAT16_TOLERANCE
    torch.stack([ours.sequence.float().sum() for ours in outcomes]).sum().backward()
    for one in single:
        assert one.weights.weight_hh.grad is not None
        assert one.weights.weight_hh.grad.dtype == torch.float32
        assert one.weights.weight_hh.grad.abs().max() > 0


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_an_lstm_computes_in_float32_where_onednn_has_no_half_precision(
    half: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_is_mkldnn_bf16_supported", "_is_mkldnn_fp16_supported"):
        monkeypatch.setattr(torch.ops.mkldnn, name, lambda: False)
    single = [
        one._replace(weights=type(one.weights)(*(weight.float() for weight in one.weights)))  # type: ignore[union-attr]
        for one in layers(LSTM)
    ]
    inputs = features().to(half)

    def of(dtype: torch.dtype) -> list[Direction]:
        return [
            one._replace(state=tuple(state.to(half).to(dtype) for state in one.state))
            for one in single
        ]

    exact = native.run(of(torch.float32), inputs.float(), None)
    with torch.autocast("cpu", half):
        found = native.run(of(half), inputs, None)
    for ours, theirs in zip(found, exact, strict=True):
        for one, other in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
            assert one.dtype == half
            assert torch.equal(one, other.to(half))


def test_autocast_of_a_pair_of_which_one_is_an_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    pair = [direction(GRU, seed=1), direction(replace(LSTM, go_backwards=True), seed=2)]
    single = [
        one._replace(
            weights=type(one.weights)(*(weight.float() for weight in one.weights)),  # type: ignore[union-attr]
            state=tuple(state.float() for state in one.state),
        )
        for one in pair
    ]
    exact = native.run(single, features().float(), MASKS["interior"])
    with torch.autocast("cpu", torch.bfloat16):
        found = native.run(single, features().float(), MASKS["interior"])
    for ours, theirs in zip(found, exact, strict=True):
        assert torch.equal(ours.sequence, theirs.sequence)
