"""TextDataModule: splits, vocabulary, labels and loaders of texts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from birnn_lightning.data import TextDataModule, TextPreprocessing, Vocabulary


def write_tsv(path: Path, rows: list[tuple[str, ...]], header: str = "label\ttext") -> str:
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")
    return str(path)


def rows(count: int, classes: int = 2) -> list[tuple[str, ...]]:
    """Texts of different lengths, with one word that only this text has."""
    return [
        (str(index % classes), f"word{index} " + "common " * (index % 7)) for index in range(count)
    ]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    return {
        "train_files": write_tsv(tmp_path / "train.tsv", rows(101)),
        "test_files": write_tsv(tmp_path / "test.tsv", rows(29)),
    }


def test_sizes_before_any_trainer(files) -> None:
    module = TextDataModule(**files)
    train = len(module.examples("train"))
    assert module.model_sizes() == {"vocab_size": train + 3, "task": "binary"}
    assert module.class_names == ("0", "1")
    assert module.num_classes == 2


def test_more_classes(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / "train.tsv", rows(101, classes=11))
    module = TextDataModule(train_files=path, max_tokens=13)
    assert module.model_sizes() == {"vocab_size": 13, "task": "multiclass", "num_classes": 11}
    assert module.class_names == tuple(str(index) for index in range(11))


def test_vocabulary_is_fitted_on_the_training_part_only(files) -> None:
    module = TextDataModule(**files)
    held_out = [text.split()[0] for text in module.examples("validation").inputs]
    preprocessing = module.preprocessing
    assert isinstance(preprocessing, TextPreprocessing)
    assert len(held_out) == 10
    assert not set(held_out) & set(preprocessing.vocabulary.tokens)
    assert len(module.examples("train")) + len(held_out) == 101


def test_each_file_is_read_once(files, monkeypatch: pytest.MonkeyPatch) -> None:
    import birnn_lightning.data.text as text

    read: list[str] = []
    original = text.read_file
    monkeypatch.setattr(text, "read_file", lambda path: read.append(path) or original(path))
    module = TextDataModule(**files)
    module.model_sizes()
    for stage in ("fit", "validate", "test", "predict"):
        module.setup(stage)
    for loader in (module.train_dataloader, module.test_dataloader, module.predict_dataloader):
        loader()
    assert read == [files["train_files"], files["test_files"]]


def test_loaders(files) -> None:
    module = TextDataModule(**files, batch_size=7, max_length=5)
    module.setup("fit")
    loader = module.train_dataloader()
    batches = list(loader)
    assert len(batches) == len(loader) == 13
    assert sum(len(batch.inputs) for batch in batches) == 91
    assert max(batch.inputs.shape[1] for batch in batches) == 5
    loader.sampler.set_epoch(1)  # type: ignore[attr-defined]
    assert [b.inputs.tolist() for b in loader] != [b.inputs.tolist() for b in batches]


def test_prediction_keeps_the_order(files) -> None:
    module = TextDataModule(**files, batch_size=3)
    labels = torch.cat([batch.labels for batch in module.predict_dataloader()])
    assert labels.tolist() == [index % 2 for index in range(29)]


def test_a_restored_preprocessing_is_used_and_needs_no_training_file(files) -> None:
    module = TextDataModule(predict_files=files["test_files"], batch_size=29)
    module.preprocessing = TextPreprocessing(
        vocabulary=Vocabulary(["", "[UNK]", "common"]), class_names=("bad", "good")
    )
    (batch,) = list(module.predict_dataloader())
    assert batch.labels is None
    assert set(batch.inputs.flatten().tolist()) == {0, 1, 2}
    assert module.model_sizes() == {"vocab_size": 3, "task": "binary"}


def test_preprocessing_may_be_replaced_after_a_loader(files) -> None:
    module = TextDataModule(**files)
    module.test_dataloader()
    module.preprocessing = TextPreprocessing(
        vocabulary=Vocabulary(["", "[UNK]"]), class_names=("0", "1")
    )
    assert max(int(batch.inputs.max()) for batch in module.test_dataloader()) == 1


def test_several_files_and_several_labels(tmp_path: Path) -> None:
    header = "text\ttoxic\trude"
    paths = [
        write_tsv(tmp_path / "a.tsv", [("x", "0", "1"), ("y", "1", "1")], header),
        write_tsv(tmp_path / "b.tsv", [("z", "1", "0")], header),
    ]
    module = TextDataModule(
        train_files=paths, label_column=["toxic", "rude"], validation_fraction=0, batch_size=3
    )
    assert module.model_sizes() == {"vocab_size": 5, "task": "multilabel", "num_classes": 2}
    assert module.class_names == ("toxic", "rude")
    (batch,) = list(module.train_dataloader())
    assert sorted(batch.labels.tolist()) == [[0, 1], [1, 0], [1, 1]]
    assert module.val_dataloader() == []


def test_pads_to_max_length(files) -> None:
    module = TextDataModule(**files, max_length=11, pad_to="max_length", padding="post")
    assert {batch.inputs.shape[1] for batch in module.train_dataloader()} == {11}


def test_local_files_win_over_the_hub(files) -> None:
    assert TextDataModule(dataset="nobody/nothing", **files).model_sizes()["task"] == "binary"


def test_the_hub_out_of_reach() -> None:
    with pytest.raises(ValueError, match=r"'stanfordnlp/imdb' .*data.train_files="):
        TextDataModule().prepare_data()


def test_hub_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import ClassLabel, Dataset, DatasetDict

    import birnn_lightning.data.text as text

    def split(count: int) -> Dataset:
        columns = {"text": ["a b"] * count, "label": [index % 2 for index in range(count)]}
        return Dataset.from_dict(columns).cast_column("label", ClassLabel(names=["neg", "pos"]))

    hub = DatasetDict({"train": split(23), "test": split(13), "unsupervised": split(3)})
    monkeypatch.setattr(text, "read_hub_dataset", lambda name: hub)
    module = TextDataModule()
    assert module.class_names == ("neg", "pos")
    assert [len(module.examples(s)) for s in ("train", "validation", "test")] == [21, 2, 13]


@pytest.mark.parametrize(
    ("rows_of_test", "header", "message"),
    [
        pytest.param(
            [("7", "a")], "label\ttext", r"\(0, 1\); got '7' at row 1 of .*t.tsv", id="label"
        ),
        pytest.param([("", "a")], "label\ttext", "got '' at row 1 of .*t.tsv", id="no-label"),
        pytest.param([("1", "a")], "class\ttext", "'label'; got class, text", id="label-column"),
        pytest.param([("1", "a")], "label\tbody", "'text'; got label, body", id="text-column"),
    ],
)
def test_wrong_test_files_are_refused(files, tmp_path, rows_of_test, header, message) -> None:
    files["test_files"] = write_tsv(tmp_path / "t.tsv", rows_of_test, header)
    with pytest.raises(ValueError, match=message):
        TextDataModule(**files).test_dataloader()


def test_a_null_text_is_refused(files, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": 1}\n{"text": null, "label": 0}\n')
    with pytest.raises(ValueError, match=r"a string; got None at row 2 of .*t.jsonl"):
        TextDataModule(train_files=files["train_files"], test_files=str(path)).setup("test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"dataset": None}, "got neither", id="nothing"),
        pytest.param({"max_tokens": 1}, "max_tokens .*got 1", id="max-tokens"),
        pytest.param({"max_length": 0}, "max_length .*got 0", id="max-length"),
        pytest.param({"pad_to": "most"}, "pad_to .*'most'", id="pad-to"),
        pytest.param({"batch_size": 0}, "batch_size .*got 0", id="batch-size"),
        pytest.param({"num_workers": -1}, "num_workers .*got -1", id="workers"),
        pytest.param({"seed": -3}, "seed .*got -3", id="seed"),
        pytest.param({"validation_fraction": 1.0}, r"fraction .*got 1.0", id="fraction"),
        pytest.param({"label_column": ["a", "a"]}, r"label_column .*\['a', 'a'\]", id="labels"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextDataModule(**arguments)
