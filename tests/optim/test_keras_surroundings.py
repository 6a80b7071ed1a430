from typing import Any

import pytest
import torch

from birnn_lightning.optim.keras import SGD, Adam, Nadam
from tests.optim.keras_trainings import random_parameters, train, values


def weights_with(*gradients: list[float]) -> list[torch.nn.Parameter]:
    """Zeros with gradients."""
    weights = [torch.nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = torch.tensor(gradient)
    return weights


def test_clipnorm_is_of_a_variable():
    first, second, third = weights_with([3.0], [4.0], [12.0])
    SGD([first, second, third], 1.0, clipnorm=1.0, variables=[[first, second]]).step()
    assert [first.item(), second.item(), third.item()] == pytest.approx([-0.6, -0.8, -1.0])
    first, second = weights_with([3.0], [4.0])
    SGD([first, second], 1.0, clipnorm=1.0).step()
    assert [first.item(), second.item()] == [-1.0, -1.0]


def test_global_clipnorm_is_of_all():
    first, second, third = weights_with([3.0], [4.0], [12.0])
    SGD([first, second, third], 1.0, global_clipnorm=6.5).step()
    assert [first.item(), second.item(), third.item()] == pytest.approx([-1.5, -2.0, -6.0])
    weight = weights_with([float("inf"), 1.0])[0]
    SGD([weight], 1.0, global_clipnorm=1.0).step()
    assert weight.isnan().all()


def test_clipping_leaves_the_gradients():
    for setting in ("clipnorm", "clipvalue", "global_clipnorm"):
        weight = weights_with([3.0, 4.0])[0]
        settings: dict[str, Any] = {setting: 0.5}
        SGD([weight], 1.0, **settings).step()
        assert weight.grad is not None
        assert weight.grad.tolist() == [3.0, 4.0]
        assert weight.abs().max() <= 0.5


def test_accumulation_averages_and_counts_updates():
    (weight,) = weights_with([0.0])
    optimizer = SGD([weight], 1.0, gradient_accumulation_steps=3)
    seen = []
    for gradient in (3.0, 6.0, 12.0, 9.0):
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        seen.append((weight.item(), optimizer.iterations))
    assert seen == [(0.0, 0), (0.0, 0), (-7.0, 1), (-7.0, 1)]


def test_moving_averages_and_their_end():
    (weight,) = weights_with([1.0])
    optimizer = SGD([weight], 1.0, use_ema=True, ema_momentum=0.75)
    for _ in range(3):
        optimizer.step()
    average = 0.75 * (0.75 * -1 + 0.25 * -2) + 0.25 * -3
    assert weight.item() == -3
    assert optimizer.state[weight]["average"].item() == average
    optimizer.finalize_variable_values()
    assert weight.item() == average


def test_finalize_without_averages_changes_nothing():
    parameters = random_parameters()
    optimizer = Adam(parameters, 0.03)
    train(optimizer, parameters, range(3))
    before = values(parameters)
    optimizer.finalize_variable_values()
    assert torch.equal(values(parameters), before)


def test_a_later_exclusion_replaces_an_earlier_one():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = SGD([first, second], 0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([first])
    optimizer.exclude_from_weight_decay([second])
    first.grad, second.grad = torch.zeros(2), torch.zeros(2)
    optimizer.step()
    assert (first.tolist(), second.tolist()) == ([0.75, 0.75], [1.0, 1.0])


def test_a_group_added_later_counts_with_the_others():
    parameters = random_parameters()
    optimizer = Nadam(parameters[:2], 0.03)
    train(optimizer, parameters[:2], range(3))
    optimizer.add_param_group({"params": parameters[2:]})
    assert [group["iterations"] for group in optimizer.param_groups] == [3, 3]
    first, second = (group["u_product"] for group in optimizer.param_groups)
    assert 0 < first == second < 1


def test_sparse_gradient_of_an_embedding():
    embedding = torch.nn.Embedding(7, 3, sparse=True)
    start = embedding.weight.detach().clone()
    optimizer = Adam(embedding.parameters(), 0.03)
    embedding(torch.tensor([2, 5, 2, 2])).sum().backward()
    optimizer.step()
    state = optimizer.state[embedding.weight]
    # Row 2 occurs three times: the momentum has their sum, the velocity the sum of their squares.
    torch.testing.assert_close(state["momentum"][[2, 5, 0], 0], torch.tensor([0.3, 0.1, 0.0]))
    torch.testing.assert_close(state["velocity"][[2, 5, 0], 0], torch.tensor([3e-3, 1e-3, 0.0]))
    assert torch.equal(embedding.weight[0], start[0])
    assert not torch.equal(embedding.weight[2], start[2])
