"""SequenceDataModule: normalisation, splits and labels of numeric sequences."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.data import SequenceDataModule, SeriesPreprocessing


@pytest.fixture
def ragged(tmp_path: Path) -> str:
    generator = np.random.default_rng(3)
    lengths = generator.integers(2, 12, size=101)
    x = generator.normal(5.0, 3.0, size=(lengths.sum(), 3))
    x[:, 2] = 0.1  # a constant feature
    path = tmp_path / "ragged.npz"
    np.savez(path, x=x, lengths=lengths, y=np.arange(101) % 5, steps=np.arange(len(x)) % 2)
    return str(path)


def test_sizes_and_parts(ragged: str) -> None:
    module = SequenceDataModule(train_file=ragged)
    assert module.model_sizes() == {"input_size": 3, "task": "multiclass", "num_classes": 5}
    parts = [module.examples(split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [61, 20, 20]
    rows = [row for part in parts for _, row in part.origins]
    assert sorted(rows) == list(range(1, 102))


def test_normalisation_is_fitted_on_valid_training_steps(ragged: str) -> None:
    module = SequenceDataModule(train_file=ragged, batch_size=61)
    (batch,) = list(module.train_dataloader())
    valid = batch.inputs[batch.mask].double()
    torch.testing.assert_close(valid.mean(0), torch.zeros(3).double(), atol=1e-6, rtol=0)
    spread = torch.tensor([1.0, 1.0, 0.0]).double()
    torch.testing.assert_close(valid.std(0, correction=0), spread, atol=1e-6, rtol=0)
    preprocessing = module.preprocessing
    assert isinstance(preprocessing, SeriesPreprocessing)
    assert preprocessing.std is not None
    assert preprocessing.std[2] == 1
    steps = np.concatenate(module.examples("train").inputs)
    np.testing.assert_allclose(preprocessing.mean or (), steps.mean(0))


def test_without_normalisation(ragged: str) -> None:
    module = SequenceDataModule(train_file=ragged, normalise=False, batch_size=61)
    (batch,) = list(module.train_dataloader())
    assert 4 < batch.inputs[batch.mask][:, 0].mean() < 6


def test_step_labels(tmp_path: Path) -> None:
    path = tmp_path / "steps.npz"
    np.savez(path, x=np.ones((23, 7, 3)), y=np.arange(161).reshape(23, 7) % 5)
    module = SequenceDataModule(train_file=str(path), labels="step", batch_size=3)
    sizes = {"input_size": 3, "task": "multiclass", "num_classes": 5, "tagging": True}
    assert module.model_sizes() == sizes
    batch = next(iter(module.train_dataloader()))
    assert batch.labels.shape == (3, 7)
    assert batch.mask is None


def test_several_labels(tmp_path: Path) -> None:
    path = tmp_path / "flags.npz"
    np.savez(path, x=np.ones((23, 7)), y=np.eye(23, 2))
    module = SequenceDataModule(train_file=str(path), labels="multilabel")
    assert module.model_sizes() == {"input_size": 1, "task": "multilabel", "num_classes": 2}


def test_missing_values_take_the_training_mean(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("x0,x1,label\n1,,a\n3,5,b\n3,5,b\n1,,a\n")
    module = SequenceDataModule(
        train_file=str(path), validation_fraction=0, test_fraction=0, batch_size=4, bucket=False
    )
    (batch,) = list(module.train_dataloader())
    assert module.val_dataloader() == []
    row = batch.inputs[batch.labels == 0][0, :, 0]
    assert row[1] == 0
    assert row[0] < 0


def test_own_files_for_each_part(tmp_path: Path) -> None:
    for name, rows in (("train", "ababab"), ("validation", "aab"), ("test", "ab")):
        lines = [f"{index},{label}" for index, label in enumerate(rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["x0,label", *lines]))
    paths: dict[str, Any] = {
        f"{name}_file": str(tmp_path / f"{name}.csv") for name in ("train", "validation", "test")
    }
    module = SequenceDataModule(**paths)
    for stage in ("fit", "test"):
        module.setup(stage)
    parts = [len(module.examples(split)) for split in ("train", "validation", "test")]
    assert parts == [6, 3, 2]


def test_a_file_to_predict_keeps_its_order(ragged: str, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("x0\n" + "\n".join(map(str, range(17))))
    module = SequenceDataModule(predict_file=str(path), batch_size=5)
    module.preprocessing = SeriesPreprocessing(input_size=1, class_names=("a", "b"))
    values = torch.cat([batch.inputs.flatten() for batch in module.predict_dataloader()])
    assert values.tolist() == list(range(17))


def test_a_label_unknown_to_training_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x0,label\n1,a\n2,b\n")
    (tmp_path / "test.csv").write_text("x0,label\n1,a\n2,z\n")
    module = SequenceDataModule(
        train_file=str(tmp_path / "train.csv"),
        test_file=str(tmp_path / "test.csv"),
        validation_fraction=0,
    )
    with pytest.raises(ValueError, match=r"\(a, b\); got 'z' at row 2 of .*test.csv"):
        module.test_dataloader()


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        pytest.param("x0,label\n1,a\n2,a\n", {}, r"two classes; got \['a'\]", id="one-class"),
        pytest.param(
            "x0,x1,label\n1,,a\n2,,b\n", {"features_per_step": 2}, "for feature 1", id="all-missing"
        ),
        pytest.param("x0,label\n1,a\n", {"labels": "step"}, 'got labels="step"', id="step-csv"),
        pytest.param(
            "x0,a\n1,1\n", {"label_column": ["a"]}, 'needs labels="multilabel"', id="flags-csv"
        ),
    ],
)
def test_wrong_data_are_refused(tmp_path: Path, content, arguments, message: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(content)
    module = SequenceDataModule(
        train_file=str(path), validation_fraction=0, test_fraction=0, **arguments
    )
    with pytest.raises(ValueError, match=message):
        module.train_dataloader()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"labels": "tags"}, "labels must be .*'tags'", id="labels"),
        pytest.param({"features_per_step": 0}, "features_per_step .*got 0", id="features"),
        pytest.param({"max_length": 0}, "max_length .*got 0", id="max-length"),
        pytest.param({"truncation": "mid"}, "truncation .*'mid'", id="truncation"),
        pytest.param(
            {"validation_fraction": 0.5, "test_fraction": 0.5}, r"fraction .*got 1.0", id="sum"
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceDataModule(**arguments)


def test_an_unknown_ending_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\.npz, \.csv or \.ts; got data.mat"):
        SequenceDataModule(train_file="data.mat").setup("fit")


def test_training_data_must_be_given() -> None:
    with pytest.raises(ValueError, match="training data are needed"):
        SequenceDataModule().setup("fit")
