"""The kernel's gradient of an embedding is torch's, to the bit."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from birnn_lightning import BiGRUClassifier
from birnn_lightning.nn.engines.fused import embedding as fused_embedding
from birnn_lightning.nn.engines.fused.embedding import embedding
from tests.nn.samples import uniform
from tests.nn.test_fused import needs_a_compiler

pytestmark = needs_a_compiler
ROWS, SIZES = 23, (1, 16, 37)


def tokens_of(*shape: int) -> Tensor:
    """Some rows often, some never."""
    return (uniform(*shape, seed=1).abs() ** 3 * ROWS).long()


def gradient(function, tokens: Tensor, weight: Tensor) -> Tensor:
    weight = weight.detach().requires_grad_()
    found = function(tokens, weight)
    factors = uniform(*found.shape, seed=2).to(found.dtype)
    return torch.autograd.grad((found * factors).sum(), weight)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_gradient_is_torchs(threads: int, size: int, dtype: torch.dtype) -> None:
    tokens, weight = tokens_of(13, 31), uniform(ROWS, size, seed=3).to(dtype)
    with (
        mock.patch.object(fused_embedding, "thread_count", return_value=threads),
        mock.patch.object(
            fused_embedding, "sum_by_row", wraps=fused_embedding.sum_by_row
        ) as kernel,
    ):
        ours = gradient(embedding, tokens, weight)
    assert kernel.call_count == 1
    assert torch.equal(ours, gradient(functional.embedding, tokens, weight))


@pytest.mark.parametrize("shape", [(0,), (5,), (0, 7), (2, 3, 5)])
def test_tokens_of_any_shape(shape: tuple[int, ...]) -> None:
    weight = uniform(ROWS, 5, seed=3)
    ours = gradient(embedding, tokens_of(*shape), weight)
    assert torch.equal(ours, gradient(functional.embedding, tokens_of(*shape), weight))


def test_gradients_and_tokens_in_another_order() -> None:
    tokens, weight = tokens_of(7, 5).T, uniform(ROWS, 3, seed=3).requires_grad_()
    found = []
    for function in (embedding, functional.embedding):
        factors = uniform(7, 3, 5, seed=4).permute(2, 0, 1)
        found += torch.autograd.grad(function(tokens, weight), weight, factors)
    assert torch.equal(*found)


def test_its_gradient_has_a_derivative() -> None:
    weight = uniform(ROWS, 3, seed=3).requires_grad_()
    tokens = tokens_of(7)

    def penalty(function) -> Tensor:
        (first,) = torch.autograd.grad(
            function(tokens, weight).pow(3).sum(), weight, create_graph=True
        )
        return torch.autograd.grad(first.pow(2).sum(), weight)[0]

    assert torch.equal(penalty(embedding), penalty(functional.embedding))


def sum_of_cubes(function) -> Callable[[Tensor], Tensor]:
    tokens = tokens_of(7)
    return lambda weight: function(tokens, weight).pow(3).sum()


def per_row(function) -> Callable[[Tensor], Tensor]:
    """A gradient of every token's vector by itself, all at once."""

    def gradients(weight: Tensor) -> Tensor:
        weight = weight.requires_grad_()
        sums = function(tokens_of(7), weight).pow(3).sum(1)
        return torch.autograd.grad(sums, weight, torch.eye(7).double(), is_grads_batched=True)[0]

    return gradients


def tangent(function) -> Callable[[Tensor], Tensor]:
    def along_itself(weight: Tensor) -> Tensor:
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(weight.requires_grad_(), weight.detach())
            found = forward_ad.unpack_dual(sum_of_cubes(function)(dual)).tangent
        assert found is not None
        return found

    return along_itself


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    "transformed",
    [
        pytest.param(lambda function: torch.func.grad(sum_of_cubes(function)), id="grad"),
        pytest.param(lambda function: torch.func.hessian(sum_of_cubes(function)), id="hessian"),
        pytest.param(
            lambda function: (
                lambda weight: torch.func.vmap(
                    torch.func.grad(lambda one, token: function(token, one).pow(3).sum()), (None, 0)
                )(weight, tokens_of(7))
            ),
            id="vmap",
        ),
        pytest.param(per_row, id="batched gradients"),
        pytest.param(tangent, id="forward mode"),
    ],
)
def test_transformations_are_torchs(transformed) -> None:
    weight = uniform(ROWS, 3, seed=3)
    ours, theirs = (transformed(one)(weight) for one in (embedding, functional.embedding))
    assert ours.abs().max() > 0
    assert torch.equal(ours, theirs)


def test_a_model_without_the_kernel_can_be_transformed() -> None:
    settings: Any = {"vocab_size": ROWS, "embedding_dim": 3, "hidden_size": 5, "engine": "scan"}
    model, tokens = BiGRUClassifier(task="binary", **settings), tokens_of(2, 7)
    weights = dict(model.named_parameters())
    found = torch.func.grad(lambda w: torch.func.functional_call(model, w, (tokens,)).sum())(
        weights
    )
    expected = torch.autograd.grad(model(tokens).sum(), list(weights.values()))
    torch.testing.assert_close(list(found.values()), list(expected))


@pytest.mark.parametrize(
    ("trained", "dtype"),
    [(False, torch.float32), (True, torch.bfloat16)],
    ids=["fixed", "bfloat16"],
)
def test_torch_serves_the_others(trained: bool, dtype: torch.dtype) -> None:
    weight = uniform(ROWS, 3, seed=3).to(dtype).requires_grad_(trained)
    with mock.patch.object(fused_embedding, "Lookup", side_effect=AssertionError):
        assert torch.equal(embedding(tokens_of(7), weight), weight[tokens_of(7)])


def test_torch_serves_tensors_of_other_kinds() -> None:
    class Elsewhere(Tensor):
        pass

    weight = uniform(ROWS, 3, seed=3).as_subclass(Elsewhere).requires_grad_()
    with mock.patch.object(fused_embedding, "Lookup", side_effect=AssertionError):
        assert isinstance(embedding(tokens_of(7), weight), Elsewhere)


@pytest.mark.parametrize("token", [-1, ROWS])
def test_a_token_without_a_row(token: int) -> None:
    with pytest.raises(IndexError):
        embedding(torch.tensor([0, token]), torch.zeros(ROWS, 3, requires_grad=True))
