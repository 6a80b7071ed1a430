"""A large weight is updated in parts, to the same bits as in one."""

import pytest
import torch

from birnn_lightning.optim.keras import KERAS_OPTIMIZERS, SGD, Nadam, update
from tests.optim.keras_trainings import SETTINGS, train

SHAPES = ((197, 3), (11,), (331,), ())
PARTS = {(197, 3): 4, (331,): 3}
"""Of the large ones, at 128 numbers a part and 64 rows together; the small ones are one part."""


def trained(name, settings, dtype=torch.float32):
    generator = torch.Generator().manual_seed(31)
    parameters = [
        torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype)) for shape in SHAPES
    ]
    optimizer = KERAS_OPTIMIZERS[name](parameters, 0.03, **settings)  # type: ignore[call-arg]
    train(optimizer, parameters, range(5))
    states = [optimizer.state[parameter] for parameter in parameters]
    return [parameter.detach() for parameter in parameters], states


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_parts_equal_the_whole(name, settings, dtype, monkeypatch):
    surroundings = {"weight_decay": 0.3, "clipnorm": 0.7, "use_ema": True}
    whole = trained(name, settings | surroundings, dtype)
    monkeypatch.setattr(update, "ELEMENTS_OF_A_PART", 128)
    torch.testing.assert_close(trained(name, settings | surroundings, dtype), whole, rtol=0, atol=0)


def test_a_large_weight_has_several_parts(monkeypatch):
    monkeypatch.setattr(update, "ELEMENTS_OF_A_PART", 128)
    seen = []
    monkeypatch.setattr(Nadam, "update", lambda self, part: seen.append(part))
    trained("nadam", {})
    assert len(seen) == 5 * (1 + sum(PARTS.values()))
    small, *large = seen[: 1 + sum(PARTS.values())]
    assert [tuple(one.shape) for one in small.parameters] == [(11,), ()]
    for shape, count in PARTS.items():
        mine = [part for part in large if part.owners[0].shape == shape]
        assert len(mine) == count
        assert sum(part.parameters[0].numel() for part in mine) == torch.Size(shape).numel()
        assert all(
            one.shape == part.gradients.sums[0].shape for part in mine for one in part.parameters
        )


def test_sparse_gradients_stay_whole(monkeypatch):
    monkeypatch.setattr(update, "ELEMENTS_OF_A_PART", 128)
    embedding = torch.nn.Embedding(197, 3, sparse=True)
    before = embedding.weight.detach().clone()
    embedding(torch.tensor([193, 5, 5])).sum().backward()
    SGD(embedding.parameters(), 0.5).step()
    expected = torch.zeros(197, 3)
    expected[5], expected[193] = -1.0, -0.5
    torch.testing.assert_close(embedding.weight.detach() - before, expected)


def test_a_weight_that_is_not_contiguous(monkeypatch):
    monkeypatch.setattr(update, "ELEMENTS_OF_A_PART", 128)
    values = torch.randn(3, 197, generator=torch.Generator().manual_seed(37))
    turned, straight = (torch.nn.Parameter(one) for one in (values.T, values.T.contiguous()))
    assert not turned.is_contiguous()
    for parameter in (turned, straight):
        train(Nadam([parameter], 0.03), [parameter], range(5))
    torch.testing.assert_close(turned, straight)
