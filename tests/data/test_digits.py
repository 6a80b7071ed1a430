"""DigitsDataModule: the whole set, split by class, scaled to [0, 1]."""

import sys
from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from birnn_lightning.data import DigitsDataModule, SeriesPreprocessing
from birnn_lightning.data import digits as source


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


@pytest.mark.parametrize("name", [source._FILE, ("no", "such.csv.gz")], ids=["file", "function"])
def test_the_images_are_those_of_scikit_learn(name, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_FILE", name)
    for ours, theirs in zip(source.read_digits(), load_digits(return_X_y=True), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_the_images_need_no_import_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert len(source.read_digits()[1]) == 1797
    monkeypatch.setattr(source, "_FILE", ("no", "such.csv.gz"))
    with pytest.raises(ImportError, match=r"sklearn\.datasets"):
        source.read_digits()
