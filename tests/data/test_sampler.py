"""The law of the sampler: every example once, no process waits, batches of similar length."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from birnn_lightning.data import LengthBucketSampler


def batches_by_rank(
    lengths: list[int], batch_size: int, num_replicas: int, *, epoch: int = 0, **options
) -> list[list[list[int]]]:
    ranks = []
    for rank in range(num_replicas):
        sampler = LengthBucketSampler(
            lengths, batch_size, num_replicas=num_replicas, rank=rank, **options
        )
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(sampler) == len(batches)
        ranks.append(batches)
    return ranks


def check_law(ranks: list[list[list[int]]], count: int, batch_size: int) -> None:
    assert len({len(batches) for batches in ranks}) == 1, "ranks differ in their steps"
    seen = sorted(itertools.chain.from_iterable(itertools.chain.from_iterable(ranks)))
    assert seen == list(range(count)), "not every example once"
    sizes = [[len(batch) for batch in batches] for batches in ranks]
    assert min(map(min, sizes)) > 0, "an empty batch"
    limit = batch_size + (0 < count % (batch_size * len(ranks)) < len(ranks))
    assert max(map(max, sizes)) <= limit, "a batch too large"


@given(
    count=st.integers(1, 200),
    batch_size=st.integers(1, 17),
    num_replicas=st.integers(1, 7),
    shuffle=st.booleans(),
    bucket=st.booleans(),
    epoch=st.integers(0, 3),
)
@example(count=14, batch_size=2, num_replicas=3, shuffle=True, bucket=True, epoch=0)
@example(count=13, batch_size=2, num_replicas=3, shuffle=True, bucket=True, epoch=1)
def test_law(count, batch_size, num_replicas, shuffle, bucket, epoch) -> None:
    lengths = [(7 * index) % 13 + 1 for index in range(count)]
    options = {"shuffle": shuffle, "bucket": bucket, "epoch": epoch}
    if count < num_replicas:
        with pytest.raises(ValueError, match=f"{num_replicas} processes .*got {count}"):
            batches_by_rank(lengths, batch_size, num_replicas, **options)
        return
    check_law(batches_by_rank(lengths, batch_size, num_replicas, **options), count, batch_size)


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        pytest.param([[[0], [1]], [[2]]], "steps", id="steps"),
        pytest.param([[[0]], [[0]]], "once", id="twice"),
        pytest.param([[[0, 1]], [[]]], "empty", id="empty"),
        pytest.param([[[0, 1, 2]], [[3]]], "large", id="large"),
    ],
)
def test_the_law_can_be_broken(ranks, message: str) -> None:
    count = len({index for batches in ranks for batch in batches for index in batch})
    with pytest.raises(AssertionError, match=message):
        check_law(ranks, count, batch_size=2)


def test_the_remainder_joins_the_step_before() -> None:
    ranks = batches_by_rank([1] * 13, 2, 3, shuffle=False, bucket=False)
    assert [[len(batch) for batch in batches] for batches in ranks] == [[2, 3], [2, 2], [2, 2]]


def test_without_shuffle_and_bucket_the_order_is_kept() -> None:
    (batches,) = batches_by_rank([5, 2, 7, 3, 1], 2, 1, shuffle=False, bucket=False)
    assert batches == [[0, 1], [2, 3], [4]]


def test_evaluation_in_buckets_is_sorted_and_repeats() -> None:
    (first,) = batches_by_rank([5, 2, 7, 3, 1], 2, 1, shuffle=False, epoch=0)
    (second,) = batches_by_rank([5, 2, 7, 3, 1], 2, 1, shuffle=False, epoch=1)
    assert first == second == [[4, 1], [3, 0], [2]]


def test_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = list(range(1, 102))
    first = batches_by_rank(lengths, 3, 2, seed=5, epoch=1)
    assert first == batches_by_rank(lengths, 3, 2, seed=5, epoch=1)
    assert first != batches_by_rank(lengths, 3, 2, seed=5, epoch=2)
    assert first != batches_by_rank(lengths, 3, 2, seed=7, epoch=1)


def padded_steps(ranks: list[list[list[int]]], lengths: np.ndarray) -> int:
    """All processes wait for the longest sequence of a step."""
    steps = zip(*ranks, strict=True)
    return sum(
        int(max(lengths[batch].max() for batch in step)) * sum(map(len, step)) for step in steps
    )


def test_buckets_waste_little() -> None:
    lengths = np.random.default_rng(3).integers(1, 401, size=3001)
    waste = {
        bucket: padded_steps(batches_by_rank(lengths.tolist(), 16, 2, bucket=bucket), lengths)
        / lengths.sum()
        for bucket in (True, False)
    }
    assert waste[True] < 1.05
    assert waste[False] > 1.8


def test_lightning_takes_it_for_a_distributed_sampler() -> None:
    assert isinstance(LengthBucketSampler([2, 3], 1), DistributedSampler)


def test_loader_hands_whole_batches_to_the_dataset() -> None:
    class Squares(torch.utils.data.Dataset):
        def __getitem__(self, indices: list[int]) -> torch.Tensor:
            return torch.tensor(indices) ** 2

        def __len__(self) -> int:
            return 5

    sampler = LengthBucketSampler([1] * 5, 2, shuffle=False)
    loader = DataLoader(Squares(), sampler=sampler, batch_size=None)
    assert [batch.tolist() for batch in loader] == [[0, 1], [4, 9], [16]]
    assert len(loader) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"lengths": [], "batch_size": 2}, "lengths .*none", id="no-example"),
        pytest.param({"lengths": [3], "batch_size": 0}, "batch_size .*got 0", id="batch-size"),
        pytest.param({"lengths": [3], "batch_size": 2, "seed": -1}, "seed .*got -1", id="seed"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LengthBucketSampler(**arguments)


def test_a_rank_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rank .*= 1; got 2"):
        len(LengthBucketSampler([3, 5], 1, num_replicas=2, rank=2))
