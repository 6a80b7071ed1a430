"""A loader goes on inside an epoch: a resumed training meets exactly the batches that were left."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from birnn_lightning.data.batch import Batch
from birnn_lightning.data.sampler import LengthBucketSampler


class ResumableLoader(DataLoader[Batch]):
    """Batches of a `LengthBucketSampler`; Lightning saves the place in the checkpoint.

    The constructor is DataLoader's own, since Lightning rebuilds loaders in some of its modes.
    """

    _done = 0
    _place: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Yields the epoch's batches, or those that were left when the checkpoint was written."""
        place, self._place = self._place, None
        self._done = 0
        if isinstance(self.sampler, LengthBucketSampler):
            # An epoch that had ended, by itself or by a limit of the Trainer, is not gone on with.
            if place and place["epoch"] == self.sampler.epoch and place["batches"] < len(self):
                self._done = place["batches"]
            self.sampler.start = self._done
        for batch in super().__iter__():
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Which epoch it is, and how many of its batches were given out."""
        return {"epoch": getattr(self.sampler, "epoch", 0), "batches": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Lets the next iteration go on where the saved one stopped, if it is of the same epoch."""
        self._place = state


def build_loader(
    dataset: Dataset[Batch], sampler: LengthBucketSampler, num_workers: int
) -> ResumableLoader:
    """The loader of a split.

    Args:
        dataset: gives the batch of a list of indices.
        sampler: the lists of indices.
        num_workers: worker processes; 0 loads in the main process.
    """
    return ResumableLoader(
        dataset,
        sampler=sampler,
        batch_size=None,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        # Its own generator: the workers' seeds must not draw on the one that dropout uses.
        generator=torch.Generator().manual_seed(sampler.seed),
    )
