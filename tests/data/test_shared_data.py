"""The real data sets load whole, unchanged and with the classes their sources name."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from birnn_lightning.data import SequenceDataModule, TextDataModule
from birnn_lightning.data.text_files import read_file
from birnn_lightning.data.ts_format import read_ts


@pytest.mark.parametrize(
    ("name", "train", "test", "channels", "classes"),
    [
        pytest.param("ArrowHead/ArrowHead", 36, 175, 1, 3, id="ArrowHead"),
        pytest.param("BasicMotions/BasicMotions", 40, 40, 6, 4, id="BasicMotions"),
        pytest.param("GunPoint/GunPoint", 50, 150, 1, 2, id="GunPoint"),
        pytest.param("ItalyPowerDemand/ItalyPowerDemand", 67, 1029, 1, 2, id="ItalyPowerDemand"),
        pytest.param("JapaneseVowels/JapaneseVowels", 270, 370, 12, 9, id="JapaneseVowels"),
        pytest.param("JapaneseVowels/JapaneseVowels_eq", 270, 370, 12, 9, id="JapaneseVowels_eq"),
        pytest.param("OSULeaf/OSULeaf", 200, 242, 1, 6, id="OSULeaf"),
        pytest.param("UnitTest/UnitTest", 20, 22, 1, 2, id="UnitTest"),
    ],
)
def test_archive(shared_data: Path, name: str, train, test, channels, classes) -> None:
    folder = shared_data / "ucr_uea"
    module = SequenceDataModule(
        train_file=str(folder / f"{name}_TRAIN.ts"),
        test_file=str(folder / f"{name}_TEST.ts"),
        validation_fraction=0,
    )
    sizes = module.model_sizes()
    assert sizes["input_size"] == channels
    assert sizes.get("num_classes", 2) == classes == module.num_classes
    assert (len(module.examples("train")), len(module.examples("test"))) == (train, test)
    masks = [batch.mask is not None for batch in module.test_dataloader()]
    assert any(masks) == (name == "JapaneseVowels/JapaneseVowels")


def test_time_stamps(shared_data: Path) -> None:
    examples = read_ts(str(shared_data / "ucr_uea/UnitTest/UnitTestTimeStamps_TRAIN.ts"))
    assert examples.inputs[0][:, 0].tolist() == [241.97, 241.75, 241.64, 241.71]
    assert examples.labels == ["1", "1", "2", "2"]


def test_pendigits(shared_data: Path) -> None:
    module = SequenceDataModule(
        train_file=str(shared_data / "pendigits/pendigits_train.csv"),
        test_file=str(shared_data / "pendigits/pendigits_test.csv"),
        features_per_step=2,
        validation_fraction=0,
    )
    assert module.model_sizes() == {"input_size": 2, "task": "multiclass", "num_classes": 10}
    assert (len(module.examples("train")), len(module.examples("test"))) == (7494, 3498)
    first = module.examples("train").inputs[0]
    np.testing.assert_array_equal(first[:3], [[47, 100], [27, 81], [57, 37]])


@pytest.mark.slow
@pytest.mark.parametrize("part", ["train", "test"])
def test_reviews_come_through_byte_for_byte(shared_data: Path, part: str) -> None:
    path = shared_data / f"imdb/{part}.tsv.gz"
    with gzip.open(path) as lines:
        raw = [line.rstrip(b"\n").split(b"\t")[3] for line in lines][1:]
    assert len(raw) == 25_000
    assert [text.encode() for text in read_file(str(path))["text"]] == raw


@pytest.mark.slow
def test_reviews_in_batches(shared_data: Path) -> None:
    module = TextDataModule(train_files=str(shared_data / "imdb/train.tsv.gz"))
    assert module.model_sizes() == {"vocab_size": 20_000, "task": "binary"}
    assert len(module.examples("train")) == 22_500
    assert sum(len(batch.inputs) for batch in module.train_dataloader()) == 22_500
