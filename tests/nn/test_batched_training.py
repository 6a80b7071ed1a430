"""The batched engine trains as autograd's own would: in every mode, or with one clear refusal."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from birnn_lightning.nn.engines import Direction, Outcome, batched, scan
from birnn_lightning.nn.engines.batched import function, steps
from birnn_lightning.nn.engines.interface import Engine
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import HIDDEN, MASKS, features, uniform
from tests.nn.test_engines import largest_difference, pair, tensors_of, to_float32

TOLERANCE = 1e-12  # float64: what is left are other orders of the same sums


def spec(**fields) -> Recurrent:
    return Recurrent(hidden_size=HIDDEN, **fields)


CELLS = [
    pytest.param(spec(cell="rnn"), id="rnn"),
    pytest.param(spec(cell="lstm"), id="lstm"),
    pytest.param(spec(cell="gru"), id="gru"),
    pytest.param(spec(cell="gru", reset_after=False), id="gru reset before"),
]


def leaves_of(layers: Sequence[Direction], inputs: Tensor) -> list[Tensor]:
    """Everything that a gradient can be asked of, asking for it."""
    return [inputs.requires_grad_(), *(one.requires_grad_() for one in tensors_of(list(layers)))]


def loss_of(outcomes: Sequence[Outcome]) -> Tensor:
    """A number that sees every output, each with another weight."""
    outputs = [part for one in outcomes for part in (one.sequence, *one.state)]
    weighted = [
        (output * uniform(*output.shape, seed=seed)).sum() for seed, output in enumerate(outputs)
    ]
    return torch.stack(weighted).sum()


@pytest.mark.parametrize("spec", CELLS)
def test_gradients_of_some_tensors_alone(spec: Recurrent) -> None:
    layers, inputs = pair(spec), features()
    for leaf in range(len(leaves_of(layers, inputs))):
        found = []
        for run in (batched.run, scan.run):
            leaves = leaves_of(layers, inputs)
            for other in leaves:
                other.requires_grad_(other is leaves[leaf])
            found += torch.autograd.grad(loss_of(run(layers, inputs, None)), leaves[leaf])
        assert largest_difference(found[:1], found[1:]) <= TOLERANCE


@pytest.mark.parametrize("part", ["sequence", "state"])
@pytest.mark.parametrize("spec", CELLS)
def test_gradients_from_one_direction_alone(spec: Recurrent, part: str) -> None:
    def gradients(run: Engine) -> list[Tensor]:
        layers, inputs = pair(spec), features()
        leaves = leaves_of(layers, inputs)
        outcome = run(layers, inputs, MASKS["interior"])[1]
        output = outcome.sequence if part == "sequence" else outcome.state[-1]
        loss = (output * uniform(*output.shape, seed=5)).sum()
        return list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True))

    ours = gradients(batched.run)
    assert largest_difference(ours, gradients(scan.run)) <= TOLERANCE
    assert max(float(one.abs().max()) for one in ours) > 1e-2


@pytest.mark.parametrize("spec", CELLS)
def test_a_frozen_recurrent_weight_costs_no_product(
    spec: Recurrent, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, inputs = pair(spec), features()
    leaves_of(layers, inputs)
    calls = []
    original = function.weight_gradient
    monkeypatch.setattr(
        function, "weight_gradient", lambda *given: calls.append(1) or original(*given)
    )
    loss_of(batched.run(layers, inputs, None)).backward()
    assert len(calls) == 1
    for one in layers:
        one.weights.weight_hh.requires_grad_(False)
    loss_of(batched.run(layers, inputs, None)).backward()
    assert len(calls) == 1


@pytest.mark.parametrize("spec", CELLS)
def test_a_graph_that_is_kept_gives_its_gradients_twice(spec: Recurrent) -> None:
    layers, inputs = pair(spec), features()
    leaves = leaves_of(layers, inputs)
    loss = loss_of(batched.run(layers, inputs, MASKS["interior"]))
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    second = torch.autograd.grad(loss, leaves)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("spec", CELLS)
def test_checkpoint(spec: Recurrent, reentrant: bool) -> None:
    layers, inputs = pair(spec), features()
    leaves = leaves_of(layers, inputs)

    def run(values: Tensor) -> Tensor:
        return loss_of(batched.run(layers, values, MASKS["interior"]))

    expected = torch.autograd.grad(run(inputs), leaves)
    checkpoint(run, inputs, use_reentrant=reentrant).backward()
    found = [torch.zeros(()) if leaf.grad is None else leaf.grad for leaf in leaves]
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("spec", CELLS)
def test_training_after_inference(spec: Recurrent, mask: Tensor | None, mode: type) -> None:
    steps._steps_without_mask.cache_clear()
    layers, inputs = pair(spec), features()
    leaves = leaves_of(layers, inputs)
    with mode():
        inferred = loss_of(batched.run(layers, inputs, mask))
    assert not inferred.requires_grad
    trained = loss_of(batched.run(layers, inputs, mask))
    assert torch.equal(trained.detach(), inferred)
    expected = torch.autograd.grad(loss_of(scan.run(layers, inputs, mask)), leaves)
    found = torch.autograd.grad(trained, leaves)
    assert largest_difference(list(found), list(expected)) <= TOLERANCE


@pytest.mark.parametrize("wanted", ["inputs", "weights", "all"])
@pytest.mark.parametrize("spec", CELLS)
def test_a_second_derivative_is_refused(spec: Recurrent, wanted: str) -> None:
    layers, inputs = pair(spec), features()
    leaves = leaves_of(layers, inputs)
    chosen = {"inputs": leaves[:1], "weights": leaves[1:], "all": leaves}[wanted]
    for leaf in leaves:
        leaf.requires_grad_(any(leaf is one for one in chosen))
    # A plain sum: its own gradient does not depend on anything.
    loss = torch.stack([outcome.sequence.sum() for outcome in batched.run(layers, inputs, None)])
    first = torch.autograd.grad(loss.sum(), chosen, create_graph=True, allow_unused=True)
    penalty = torch.stack([one.square().sum() for one in first if one is not None]).sum()
    with pytest.raises(RuntimeError) as refusal:
        penalty.backward()
    assert str(refusal.value) == (
        "engine 'batched' has no second derivative; got a gradient to differentiate again. Use "
        "engine 'scan'."
    )


@pytest.mark.parametrize("spec", CELLS)
def test_autocast_computes_in_float32(spec: Recurrent) -> None:
    def gradients(autocast: bool) -> list[Tensor]:
        layers, inputs = to_float32(pair(spec)), features().float()
        leaves = leaves_of(layers, inputs)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            outcomes = batched.run(layers, inputs, MASKS["interior"])
        loss = loss_of(outcomes)
        return [loss.detach(), *torch.autograd.grad(loss, leaves)]

    pairs = zip(gradients(True), gradients(False), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("spec", CELLS)
def test_bfloat16_is_computed_in_float32(spec: Recurrent) -> None:
    def rounded(tensor: Tensor) -> Tensor:
        return tensor.bfloat16()

    layers = [
        one._replace(
            weights=type(one.weights)(
                *(None if tensor is None else rounded(tensor) for tensor in one.weights)  # type: ignore[arg-type]
            ),
            state=tuple(rounded(state) for state in one.state),
        )
        for one in to_float32(pair(spec))
    ]
    inputs = rounded(features())
    ours = batched.run(layers, inputs, MASKS["interior"])
    theirs = batched.run(to_float32(layers), inputs.float(), MASKS["interior"])
    for one, other in zip(ours, theirs, strict=True):
        assert one.sequence.dtype == torch.bfloat16
        assert torch.equal(one.sequence, rounded(other.sequence))
        assert torch.equal(one.state[0], rounded(other.state[0]))
