"""Texts and labels from the hub or from local files become batches of token ids."""

from typing import Any, Literal

from birnn_lightning.data.datamodule import ClassificationDataModule, Split
from birnn_lightning.data.examples import Examples
from birnn_lightning.data.preprocessing import TextPreprocessing
from birnn_lightning.data.table_labels import check_distinct, read_flags, read_labels
from birnn_lightning.data.text_files import check_columns, read_file, read_hub_dataset
from birnn_lightning.data.tokenization import Tokenizer
from birnn_lightning.data.vocabulary import Vocabulary


class TextDataModule(ClassificationDataModule):
    """Texts with a label each, tokenised as by Keras's ``TextVectorization``.

    Files end in .csv, .tsv (no quoting), .jsonl (each also with .gz) or .parquet. Where any file is
    given, ``dataset`` is not used. The vocabulary is fitted to the training part alone. A model
    without ``mask_zero`` sees the padding, so its numbers equal Keras's with
    ``pad_to="max_length"``; with "longest" it sees less padding, and is faster.

    Args:
        dataset: the name of a dataset on the Hugging Face hub; null for local files.
        train_files: one or more local files to train on.
        validation_files: local files to validate on.
        test_files: local files to test on.
        predict_files: local files to predict, whose labels are not read. Default: the test part.
        text_column: the column with the texts.
        label_column: the column with the class; or a list of columns with 0 or 1, one a class, for
            several labels a text.
        max_tokens: the size of the vocabulary, padding and unknown included; null keeps all tokens.
        max_length: the number of tokens kept of a text; null keeps all.
        padding: where padding goes: pre or post.
        truncation: where tokens are dropped from a longer text: pre or post.
        pad_to: longest pads to the longest text of a batch, max_length always to max_length.
        validation_fraction: the share of the training data held out for validation, by class, where
            there is no validation split; 0 trains without validation.
        batch_size: the texts in a batch of one process.
        num_workers: the worker processes of each loader; 0 loads in the main process.
        seed: the seed of the held-out part and of the order of training.
        bucket: batch texts of similar length together, to pad less.
        tokenizer_processes: how many processes share the splitting of the texts; null takes as many
            as there are cores, and as pay.
        cache_tokens: whether large sets are split only the first time (see `token_cache`).
    """

    def __init__(
        self,
        dataset: str | None = "stanfordnlp/imdb",
        train_files: str | list[str] | None = None,
        validation_files: str | list[str] | None = None,
        test_files: str | list[str] | None = None,
        predict_files: str | list[str] | None = None,
        text_column: str = "text",
        label_column: str | list[str] = "label",
        max_tokens: int | None = 20_000,
        max_length: int | None = 200,
        padding: Literal["pre", "post"] = "pre",
        truncation: Literal["pre", "post"] = "pre",
        pad_to: Literal["longest", "max_length"] = "longest",
        validation_fraction: float = 0.1,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        bucket: bool = True,
        tokenizer_processes: int | None = None,
        cache_tokens: bool = True,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            bucket=bucket,
            validation_fraction=validation_fraction,
            test_fraction=0.0,
        )
        self.tokenizer = Tokenizer(processes=tokenizer_processes, cached=cache_tokens)
        self._files: dict[Split, list[str]] = {
            "train": _as_list(train_files),
            "validation": _as_list(validation_files),
            "test": _as_list(test_files),
            "predict": _as_list(predict_files),
        }
        self.dataset = None if any(self._files.values()) else dataset
        if self.dataset is None and not any(self._files.values()):
            raise ValueError(
                "dataset or local files must be given; got neither. "
                "Set data.dataset=stanfordnlp/imdb or data.train_files=train.tsv."
            )
        self.text_column = text_column
        self.label_columns = _as_list(label_column)
        check_distinct(self.label_columns)
        if isinstance(label_column, list):
            self.labels_kind = "multilabel"
        self.max_tokens = max_tokens
        # Built for its checks: a wrong value must not wait for the data to be read.
        self._settings: dict[str, Any] = {
            "max_length": max_length,
            "padding": padding,
            "truncation": truncation,
            "pad_to": pad_to,
        }
        empty = Vocabulary.from_texts([], max_tokens)
        TextPreprocessing(vocabulary=empty, class_names=(), **self._settings)
        self._hub: Any = None

    def prepare_data(self) -> None:
        """Download the hub dataset, on one process; local files need nothing."""
        if self.dataset is not None:
            self._hub_splits()

    def has_source(self, split: Split) -> bool:
        """Say whether there are files, or a split of the hub dataset, for this split."""
        return bool(self._files[split]) if self.dataset is None else split in self._hub_splits()

    def read_source(self, split: Split) -> Examples:
        """Read the texts and labels of a split."""
        if self.dataset is not None:
            table = self._hub_splits()[split]
            return self._read_table(table, f"{self.dataset}, split {split}", split)
        parts = [self._read_table(read_file(path), path, split) for path in self._files[split]]
        unlabelled = any(part.labels is None for part in parts)
        return Examples(
            inputs=[text for part in parts for text in part.inputs],
            origins=[origin for part in parts for origin in part.origins],
            labels=None if unlabelled else [one for part in parts for one in part.labels or []],
            class_names=parts[0].class_names,
        )

    def fit_preprocessing(self, train: Examples, class_names: tuple[str, ...]) -> TextPreprocessing:
        """Learn the vocabulary of the training part."""
        counts = self.tokenizer(train.inputs).counts()
        vocabulary = Vocabulary.from_counts(counts, self.max_tokens)
        return TextPreprocessing(vocabulary=vocabulary, class_names=class_names, **self._settings)

    def _hub_splits(self) -> Any:
        if self._hub is None:
            self._hub = read_hub_dataset(str(self.dataset))
        return self._hub

    def _read_table(self, table: Any, where: str, split: Split) -> Examples:
        present = list(table.column_names)
        check_columns(present, [self.text_column], where)
        texts = list(table[self.text_column])
        for row, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise ValueError(
                    f"a text must be a string; got {text!r} at row {row} of {where}, column "
                    f"{self.text_column!r}. Drop the row or fill in its text."
                )
        origins = [(where, row) for row in range(1, len(texts) + 1)]
        if split == "predict":
            return Examples(inputs=texts, origins=origins)
        check_columns(present, self.label_columns, where)
        if self.labels_kind == "multilabel":
            labels, names = read_flags(table, self.label_columns, where)
        else:
            labels, names = read_labels(table, self.label_columns[0], where)
        return Examples(inputs=texts, origins=origins, labels=labels, class_names=names)


def _as_list(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
