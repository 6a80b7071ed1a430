"""What stands side by side in memory is put together without a copy, anything else with one."""

from collections.abc import Callable
from itertools import product

import pytest
import torch

from birnn_lightning.nn.concatenation import concatenated, stacked
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


def test_halves_of_a_kernel_s_output_are_the_whole() -> None:
    """Kernels put time before batch."""
    source = uniform(7, 2, 8, seed=1).requires_grad_()
    of_kernel = source * 1
    first, second = of_kernel.transpose(0, 1).chunk(2, dim=-1)
    found = concatenated(first, second)
    assert torch.equal(found, torch.cat([first, second], dim=-1))
    assert found.data_ptr() == of_kernel.data_ptr()
    factor = uniform(2, 7, 8, seed=3)
    (found * factor).sum().backward()
    assert source.grad is not None
    torch.testing.assert_close(source.grad, factor.transpose(0, 1))


def test_the_gradient_goes_back_whole() -> None:
    source = uniform(2, 7, 8, seed=1).requires_grad_()
    first, second = (source * 2).split([3, 5], dim=-1)
    factor = uniform(2, 7, 8, seed=3)
    (concatenated(first, second) * factor).sum().backward()
    assert source.grad is not None
    torch.testing.assert_close(source.grad, 2 * factor)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_parts_that_follow_each_other_are_stacked_where_they_are(mode: Callable) -> None:
    with mode():
        whole = uniform(4, 2, 5, seed=1)
        parts = [*whole.unbind(0), whole[0].clone(), whole[1, :, :3], whole[1].t(), whole[:, 0]]
        for count in (1, 2, 3):
            for chosen in product(parts, repeat=count):
                if len({one.shape for one in chosen}) > 1:
                    continue
                found = stacked(chosen)
                assert torch.equal(found, torch.stack(chosen))
                assert found.is_contiguous() or len(chosen) == 1
        assert stacked((parts[0], parts[1])).data_ptr() == whole.data_ptr()
        assert stacked((parts[0], parts[2])).data_ptr() != whole.data_ptr()
        assert stacked((parts[1], parts[2], parts[3])).data_ptr() == parts[1].data_ptr()
        assert stacked((parts[2], parts[0])).data_ptr() != whole.data_ptr()


def test_stacked_parts_with_gradients_are_copied() -> None:
    source = uniform(2, 3, 5, seed=1).requires_grad_()
    factor = uniform(2, 3, 5, seed=2)
    (stacked((source * 2).unbind(0)) * factor).sum().backward()
    assert source.grad is not None
    torch.testing.assert_close(source.grad, 2 * factor)
