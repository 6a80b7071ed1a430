"""DigitsDataModule: the whole set, split by class, scaled to [0, 1]."""

from collections import Counter

import numpy as np
import pytest
import torch

from birnn_lightning.data import DigitsDataModule, SeriesPreprocessing


@pytest.fixture(scope="module")
def digits() -> DigitsDataModule:
    return DigitsDataModule()


def test_sizes(digits: DigitsDataModule) -> None:
    sizes = {"input_size": 8, "task": "multiclass", "num_classes": 10}
    assert digits.model_sizes() == sizes
    assert digits.class_names == tuple("0123456789")


def test_parts_cover_the_set_by_class(digits: DigitsDataModule) -> None:
    parts = [digits.examples(split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1258, 180, 359]
    assert len({row for part in parts for _, row in part.origins}) == 1797
    for part in parts:
        counts = Counter(part.labels or [])
        assert max(counts.values()) - min(counts.values()) <= 0.1 * len(part)


def test_batches(digits: DigitsDataModule) -> None:
    batch = next(iter(digits.train_dataloader()))
    assert batch.inputs.shape == (32, 8, 8)
    assert batch.inputs.min() == 0
    assert batch.inputs.max() == 1
    assert batch.labels.dtype == torch.int64
    assert batch.mask is None


def test_the_same_parts_in_every_process(digits: DigitsDataModule) -> None:
    assert DigitsDataModule().examples("test").origins == digits.examples("test").origins
    assert DigitsDataModule(seed=3).examples("test").origins != digits.examples("test").origins


def test_raw_images_may_be_given(digits: DigitsDataModule) -> None:
    preprocessing = digits.preprocessing
    assert isinstance(preprocessing, SeriesPreprocessing)
    batch = preprocessing([np.full((8, 8), 4)])
    assert batch.inputs.unique().tolist() == [0.25]
