"""What stands side by side in memory is concatenated without a copy, anything else with one."""

from collections.abc import Callable
from itertools import product

import pytest
import torch

from birnn_lightning.nn.concatenation import concatenated
from tests.nn.samples import uniform


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_only_halves_in_order_are_the_whole(mode: Callable) -> None:
    with mode():
        whole = uniform(2, 7, 8, seed=1)
        first, second = whole.split([3, 5], dim=-1)
        parts = [first, second, whole[..., 3:6], whole[..., :5], uniform(2, 7, 3, seed=2)]
        for one, other in product(parts, repeat=2):
            found = concatenated(one, other)
            assert torch.equal(found, torch.cat([one, other], dim=-1))
            shared = found.data_ptr() == whole.data_ptr()
            assert shared == (one is first and other is second)


def test_the_gradient_goes_back_whole() -> None:
    source = uniform(2, 7, 8, seed=1).requires_grad_()
    first, second = (source * 2).split([3, 5], dim=-1)
    factor = uniform(2, 7, 8, seed=3)
    (concatenated(first, second) * factor).sum().backward()
    assert source.grad is not None
    torch.testing.assert_close(source.grad, 2 * factor)
