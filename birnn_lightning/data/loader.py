"""A loader goes on inside an epoch: a resumed training meets exactly the batches that were left."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from birnn_lightning.data.batch import Batch
from birnn_lightning.data.sampler import LengthBucketSampler


class ResumableLoader(DataLoader[Batch]):
    """Batches of a split; Lightning saves its place in the checkpoint and restores it.

    Args:
        dataset: gives the batch of a list of indices.
        sampler: the lists of indices.
        num_workers: worker processes; 0 loads in the main process.
    """

    def __init__(
        self, dataset: Dataset[Batch], sampler: LengthBucketSampler, num_workers: int
    ) -> None:
        super().__init__(
            dataset,
            sampler=sampler,
            batch_size=None,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            # Its own generator: the workers' seeds must not draw on the one that dropout uses.
            generator=torch.Generator().manual_seed(sampler.seed),
        )
        self._bucket_sampler = sampler
        self._done = 0
        self._resume_at = 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Yields the epoch's batches, or those that were left when the checkpoint was written."""
        self._done, self._resume_at = self._resume_at, 0
        self._bucket_sampler.start = self._done
        for batch in super().__iter__():
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """How many batches of this epoch were given out."""
        return {"batches": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Lets the next epoch begin where the saved one stopped; a complete one is not resumed."""
        self._resume_at = state["batches"] if state["batches"] < len(self) else 0
