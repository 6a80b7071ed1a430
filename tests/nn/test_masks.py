"""Compaction moves valid steps to the front and back again, losing none."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from birnn_lightning.nn.masks import (
    carry_outputs,
    check_mask,
    compact,
    mask_from_lengths,
    merge_masks,
)
from tests.nn.samples import BATCH, HIDDEN, MASKS, TIME, uniform


@st.composite
def masks(draw: st.DrawFn) -> Tensor:
    batch, time = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    steps = st.lists(st.booleans(), min_size=time, max_size=time)
    return torch.tensor(draw(st.lists(steps, min_size=batch, max_size=batch)))


def values_for(mask: Tensor) -> Tensor:
    return uniform(*mask.shape, HIDDEN, seed=1)


@given(masks())
def test_scatter_undoes_gather(mask: Tensor) -> None:
    compaction, values = compact(mask), values_for(mask)
    assert torch.equal(compaction.scatter(compaction.gather(values)), values)
    assert torch.equal(compaction.gather(compaction.scatter(values)), values)


@given(masks())
def test_gather_puts_the_valid_steps_in_front_in_their_order(mask: Tensor) -> None:
    compaction, values = compact(mask), values_for(mask)
    gathered = compaction.gather(values)
    assert compaction.lengths.tolist() == [sum(row) for row in mask.tolist()]
    for row, length in enumerate(compaction.lengths.tolist()):
        assert torch.equal(gathered[row, :length], values[row][mask[row]])


@given(masks())
def test_backwards_starts_from_the_last_valid_step(mask: Tensor) -> None:
    compaction, values = compact(mask).backwards(), values_for(mask)
    gathered = compaction.gather(values)
    for row, length in enumerate(compaction.lengths.tolist()):
        assert torch.equal(gathered[row, :length], values[row][mask[row]].flip(0))
    assert torch.equal(compaction.scatter(gathered), values)


@given(masks())
def test_order_is_a_permutation_of_the_steps(mask: Tensor) -> None:
    steps = list(range(mask.shape[1]))
    assert all(sorted(row) == steps for row in compact(mask).order.tolist())


@given(st.lists(st.integers(1, TIME), min_size=1, max_size=5))
def test_right_padding_stays_where_it_is(lengths: list[int]) -> None:
    mask = mask_from_lengths(torch.tensor(lengths), TIME)
    compaction = compact(mask)
    assert compaction.lengths.tolist() == lengths
    assert compaction.order.tolist() == [list(range(TIME))] * len(lengths)
    assert mask.tolist() == [[step < length for step in range(TIME)] for length in lengths]


def carried(values: Tensor, mask: Tensor, steps: range) -> Tensor:
    """The loop that `carry_outputs` replaces."""
    result = torch.zeros_like(values)
    for row in range(len(values)):
        last = torch.zeros(values.shape[-1], dtype=values.dtype)
        for step in steps:
            last = values[row, step] if mask[row, step] else last
            result[row, step] = last
    return result


@given(masks())
def test_carry_is_a_loop(mask: Tensor) -> None:
    values = torch.where(mask[..., None], values_for(mask), 0)
    steps = range(mask.shape[1])
    forwards, backwards = carried(values, mask, steps), carried(values, mask, steps[::-1])
    assert torch.equal(carry_outputs(values, mask, reverse=False), forwards)
    assert torch.equal(carry_outputs(values, mask, reverse=True), backwards)


@pytest.mark.parametrize("mask", [MASKS["right"], MASKS["interior"], MASKS["one valid step"]])
def test_the_check_of_carry_can_fail(mask: Tensor) -> None:
    values = torch.where(mask[..., None], values_for(mask), 0)
    steps = range(TIME)
    assert not torch.equal(carried(values, mask, steps), carried(values, mask, steps[::-1]))
    assert not torch.equal(carried(values, mask, steps), values)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        pytest.param(
            torch.tensor([3, 0]),
            "lengths must be between 1 and 7 (the padded time axis); got 0 at batch index 1. "
            "Drop empty sequences in the data module.",
            id="zero",
        ),
        pytest.param(
            torch.tensor([8, 0]),
            "lengths must be between 1 and 7 (the padded time axis); got 8 at batch index 0. "
            "Drop empty sequences in the data module.",
            id="too long",
        ),
        pytest.param(
            torch.tensor([-1]),
            "lengths must be between 1 and 7 (the padded time axis); got -1 at batch index 0. "
            "Drop empty sequences in the data module.",
            id="negative",
        ),
        pytest.param(
            torch.tensor([1.0, 2.0]),
            "lengths must be a vector of integers, one a sequence; got shape (2,) of "
            "torch.float32.",
            id="floats",
        ),
        pytest.param(
            torch.tensor([True, False]),
            "lengths must be a vector of integers, one a sequence; got shape (2,) of torch.bool.",
            id="a mask",
        ),
        pytest.param(
            torch.tensor([[1], [2]]),
            "lengths must be a vector of integers, one a sequence; got shape (2, 1) of "
            "torch.int64.",
            id="two axes",
        ),
    ],
)
def test_wrong_lengths(lengths: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        mask_from_lengths(lengths, TIME)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        pytest.param(torch.ones(BATCH, TIME), "torch.float32 of shape (2, 7)", id="floats"),
        pytest.param(
            torch.ones(TIME, BATCH, dtype=torch.bool), "torch.bool of shape (7, 2)", id="transposed"
        ),
        pytest.param(torch.ones(TIME, dtype=torch.bool), "torch.bool of shape (7,)", id="one axis"),
    ],
)
def test_wrong_masks(mask: Tensor, got: str) -> None:
    message = f"mask must be a bool tensor of shape (2, 7), True where a step is valid; got {got}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_mask(mask, BATCH, TIME)


def test_merging() -> None:
    first, second = torch.tensor([[True, True, False]]), torch.tensor([[True, False, False]])
    assert merge_masks(None, None) is None
    assert merge_masks(first, None) is first
    assert merge_masks(None, second) is second
    merged = merge_masks(first, second)
    assert merged is not None
    assert merged.tolist() == [[True, False, False]]
