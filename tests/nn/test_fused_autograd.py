"""The compiled kernel under autograd: who gets a gradient, when, and how often."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from birnn_lightning import BiGRUClassifier
from birnn_lightning.nn.engines import ENGINES, Outcome
from birnn_lightning.nn.engines.fused import passes, run_whole
from birnn_lightning.nn.engines.fused.calls import padded_size, saved_values
from tests.nn.operations import Operations
from tests.nn.samples import MASKS, features, uniform
from tests.nn.test_engines import FLOAT64_TOLERANCE, Layers, alone, pair, results
from tests.nn.test_fused import CELLS, needs_a_compiler, spec

pytestmark = needs_a_compiler


def sums_of(outcomes: list[Outcome]) -> Tensor:
    return torch.stack([one.sequence.sum() for one in outcomes]).sum()


def leaves(layers: Layers, inputs: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "inputs", inputs
    for one in layers:
        yield "weight_ih", one.weights.weight_ih
        yield "weight_hh", one.weights.weight_hh
        yield "state", one.state[0]


@pytest.mark.parametrize("wanted", ["inputs", "weight_ih", "weight_hh", "state"])
@pytest.mark.parametrize("fields", CELLS)
def test_only_what_wants_a_gradient_gets_one(fields: dict, wanted: str) -> None:
    found = []
    for engine in ("fused", "scan"):
        layers, inputs = pair(spec(**fields)), features()
        chosen = [leaf.requires_grad_() for name, leaf in leaves(layers, inputs) if name == wanted]
        outcomes = ENGINES[engine](layers, inputs, MASKS["right"])
        found.append(torch.autograd.grad(sums_of(outcomes), chosen))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=10 * FLOAT64_TOLERANCE)


def test_a_second_derivative_is_refused() -> None:
    inputs = features().requires_grad_()
    ((sequence, _),) = ENGINES["fused"](alone(spec(cell="gru")), inputs, None)
    (gradient,) = torch.autograd.grad(sequence.sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="engine 'fused' has no second derivative"):
        gradient.sum().backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradient_checkpointing_changes_nothing(create_graph: bool) -> None:
    layers = pair(spec(cell="lstm"))
    weight = layers[0].weights.weight_hh.requires_grad_()

    def sums(inputs: Tensor) -> Tensor:
        return sums_of(ENGINES["fused"](layers, inputs, None))

    plain = torch.autograd.grad(sums(features()), weight)
    saved = checkpoint(sums, features(), use_reentrant=False)
    assert isinstance(saved, Tensor)
    assert torch.equal(plain[0], torch.autograd.grad(saved, weight, create_graph=create_graph)[0])


def test_what_the_way_back_needs_is_freed_with_the_saved_tensors() -> None:
    """Hooks see all of it, as a checkpoint's do, which would otherwise free nothing."""
    layers, inputs = pair(spec(cell="lstm")), features()
    weight = layers[0].weights.weight_hh.requires_grad_()
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return torch.cat([tensor.new_zeros(1), tensor.flatten()])[1:].view(tensor.shape)

    plain = torch.autograd.grad(sums_of(ENGINES["fused"](layers, inputs, None)), weight)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = sums_of(ENGINES["fused"](layers, inputs, None))
    lstm, (batch, time, _) = layers[0].spec, inputs.shape
    kept = batch * time * padded_size(lstm.hidden_size, torch.float64)
    assert sizes.count(saved_values(lstm) * kept) == sizes.count(kept) == len(layers)
    assert torch.equal(plain[0], torch.autograd.grad(loss, weight, retain_graph=True)[0])
    assert torch.equal(plain[0], torch.autograd.grad(loss, weight)[0])
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, weight)


@pytest.mark.parametrize("fields", CELLS)
@pytest.mark.parametrize("threads", [1, 4])
def test_gradients_of_weights_are_taken_as_the_kernel_writes_them(
    fields: dict, threads: int
) -> None:
    """Neither copied nor brought into another order; summed where tasks share the rows."""
    layer, size = alone(spec(**fields, hidden_size=16))[0], 16
    shape = len(layer.weights.weight_hh), size
    weights = layer.weights._replace(weight_ih=uniform(*shape, seed=71))
    wanted = [one.requires_grad_() for one in weights if one is not None]
    with mock.patch.object(passes, "thread_count", return_value=threads):
        sequence = run_whole([layer._replace(weights=weights)], uniform(2, 7, size, seed=72), None)
        gradient = torch.ones_like(sequence)
        with Operations() as during:
            sequence.backward(gradient)
    assert set(during.names) <= {"new_empty", "empty_like", "sum", "detach"}
    assert during.names.count("sum") == (len(wanted) if threads > 1 else 0)


def test_training_after_inference_mode() -> None:
    layers = pair(spec(cell="lstm"))
    with torch.inference_mode():
        before = ENGINES["fused"](layers, features(), MASKS["left"])
    ours = results("fused", layers, features(), MASKS["left"])
    assert torch.equal(before[0].sequence, ours[0])


@pytest.mark.filterwarnings("ignore")  # the tracer itself does what torch warns of
@pytest.mark.parametrize("training", [False, True])
def test_torch_compile_goes_around_the_kernel(training: bool) -> None:
    """Its graph breaks there; embedding, masks and head are traced."""
    settings: Any = {"vocab_size": 23, "embedding_dim": 3, "hidden_size": 5, "mask_zero": True}
    model = BiGRUClassifier(task="binary", **settings).train(training)
    tokens = torch.tensor([[3, 7, 22, 0, 0], [5, 0, 0, 0, 0], [1, 2, 3, 4, 6]])
    found = []
    for forward in (model, torch.compile(model, backend="eager")):
        logits = forward(tokens)
        gradients = torch.autograd.grad(logits.exp().sum(), list(model.parameters()))
        found.append([logits, *gradients])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
