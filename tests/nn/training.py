"""A training that takes a moment: separable sequences, and a Trainer that is quiet."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from birnn_lightning.data import Batch, ClassificationDataModule, SeriesPreprocessing
from birnn_lightning.data.datamodule import Split
from birnn_lightning.data.examples import Examples
from tests.nn.samples import INPUT, TIME

CLASS_NAMES = ("falling", "rising")


class TinySeries(ClassificationDataModule):
    """Noisy sequences of 1 to 7 steps around -1 ("falling") or 1 ("rising")."""

    def __init__(self, count: int = 17, batch_size: int = 2, num_workers: int = 0) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=num_workers,
            seed=3,
            bucket=True,
            validation_fraction=0.25,
            test_fraction=0.25,
        )
        self.count = count

    def has_source(self, split: Split) -> bool:
        return split == "train"

    def read_source(self, split: Split) -> Examples:
        generator = np.random.default_rng(5)
        labels = [index % 2 for index in range(self.count)]
        inputs = [
            generator.normal(2 * label - 1, 1, (generator.integers(1, TIME + 1), INPUT))
            for label in labels
        ]
        return Examples(
            inputs=inputs,
            labels=[CLASS_NAMES[label] for label in labels],
            origins=[("tiny", row) for row in range(self.count)],
        )

    def fit_preprocessing(
        self, train: Examples, class_names: tuple[str, ...]
    ) -> SeriesPreprocessing:
        return SeriesPreprocessing(
            input_size=INPUT, class_names=class_names, mean=(0.1,) * INPUT, std=(1.5,) * INPUT
        )


def loader_of(*batches: Batch) -> DataLoader[Batch]:
    """A loader that gives these batches."""
    return DataLoader(list(batches), batch_size=None)  # type: ignore[arg-type]


def quiet_trainer(root: Path, **settings: Any) -> Trainer:
    """A Trainer on the CPU that writes nothing but what is asked for."""
    quiet = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }
    return Trainer(default_root_dir=root, **{**quiet, **settings})
