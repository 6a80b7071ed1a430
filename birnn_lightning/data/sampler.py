"""Each example is met once an epoch, by one process, in a batch of similar lengths."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch.distributed
from torch.utils.data.distributed import DistributedSampler

# Sorting 50 steps' worth of random examples leaves little padding and still mixes the epochs well.
_STEPS_PER_MEGABATCH = 50


class LengthBucketSampler(DistributedSampler[list[int]]):
    """Whole batches of example indices, for ``DataLoader(dataset, sampler=..., batch_size=None)``.

    The dataset's ``__getitem__`` gets a list of indices and returns a collated batch. Lightning
    leaves a ``DistributedSampler`` alone and calls its ``set_epoch`` before each epoch.

    Over all processes together each example comes exactly once an epoch (nothing is repeated,
    unlike in torch's own DistributedSampler). All processes get the same number of batches and no
    batch is empty, so that no process waits for another. A batch holds at most ``batch_size``
    examples; only where fewer examples remain than there are processes do these join the step
    before, whose batches then hold at most ``batch_size + 1``. The order depends on
    (``seed``, epoch) alone.

    Args:
        lengths: the number of steps of each example.
        batch_size: the examples in a batch of one process.
        shuffle: a new random order each epoch; otherwise the same order each time, which with
            ``bucket=False`` in one process is the order of the examples.
        seed: the seed of the order.
        bucket: put examples of similar length into one step (in all processes); otherwise a step
            takes examples as they come.
        num_replicas: the number of processes; None asks torch.distributed at each iteration and
            means 1 when that is not initialised.
        rank: the index of this process; None as above, meaning 0.

    Attributes:
        start: how many of the first batches the next iteration leaves out; `len` counts them all.

    Raises:
        ValueError: when an argument is out of its range; at iteration, when there are fewer
            examples than processes.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        bucket: bool = True,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        # DistributedSampler.__init__ fails before torch.distributed is initialised, and Lightning
        # may build loaders earlier; everything that it would set up is replaced here.
        if len(lengths) == 0:
            raise ValueError("lengths must hold at least one example; got none. Check the data.")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}. Pass 1 or more.")
        if seed < 0:
            raise ValueError(f"seed must be at least 0; got {seed}. Pass 0 or more.")
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.bucket = bucket
        self.epoch = 0
        self.start = 0
        self._num_replicas = num_replicas
        self._rank = rank

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the batches of one process."""
        return len(self._step_bounds(self._processes()[0]))

    def __iter__(self) -> Iterator[list[int]]:
        """Yield this process's batches as lists of example indices."""
        num_replicas, rank = self._processes()
        steps = self._step_bounds(num_replicas)
        generator = np.random.default_rng([self.seed, self.epoch])
        order = self._example_order(generator, num_replicas)
        if self.shuffle and self.bucket:
            generator.shuffle(steps)
        for start, stop in steps[self.start :]:
            # Every num_replicas-th example: sizes differ by one at most, and lengths hardly.
            yield order[start + rank : stop : num_replicas].tolist()

    def _processes(self) -> tuple[int, int]:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        num_replicas, rank = self._num_replicas, self._rank
        if num_replicas is None:
            num_replicas = torch.distributed.get_world_size() if distributed else 1
        if rank is None:
            rank = torch.distributed.get_rank() if distributed else 0
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"rank must be between 0 and num_replicas - 1 = {num_replicas - 1}; got {rank}. "
                "Pass both, or neither."
            )
        return num_replicas, rank

    def _step_bounds(self, num_replicas: int) -> list[tuple[int, int]]:
        """Cut the order into steps of all processes; the last one takes a remainder too small."""
        count, step = len(self.lengths), self.batch_size * num_replicas
        if count < num_replicas:
            raise ValueError(
                f"each of the {num_replicas} processes needs an example of its own; got {count} "
                "in this split. Use fewer devices or more data."
            )
        starts = list(range(0, count, step))
        if count - starts[-1] < num_replicas:
            starts.pop()
        return list(zip(starts, [*starts[1:], count], strict=True))

    def _example_order(self, generator: np.random.Generator, num_replicas: int) -> np.ndarray:
        count = len(self.lengths)
        if not self.shuffle:
            return np.argsort(self.lengths, kind="stable") if self.bucket else np.arange(count)
        order = generator.permutation(count)
        if self.bucket:
            size = _STEPS_PER_MEGABATCH * self.batch_size * num_replicas
            for start in range(0, count, size):
                part = order[start : start + size]
                order[start : start + size] = part[np.argsort(self.lengths[part], kind="stable")]
        return order
