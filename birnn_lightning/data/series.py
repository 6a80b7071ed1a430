"""Numeric sequences from .npz, .csv and .ts files become batches of normalised features."""

from pathlib import Path
from typing import Literal

import numpy as np

from birnn_lightning.data.csv_format import read_wide_csv
from birnn_lightning.data.datamodule import ClassificationDataModule, Split
from birnn_lightning.data.examples import Examples
from birnn_lightning.data.npz_format import LabelsKind, read_npz
from birnn_lightning.data.padding import check_side
from birnn_lightning.data.preprocessing import SeriesPreprocessing
from birnn_lightning.data.table_labels import check_distinct
from birnn_lightning.data.ts_format import read_ts


class SequenceDataModule(ClassificationDataModule):
    """Numeric sequences with a label each, a label a step, or several labels each.

    The ending chooses the format. ``.npz``: arrays ``x`` (examples, time, features) or (examples,
    time), and ``y``; for different lengths also ``lengths``, with ``x`` padded, or all steps one
    after the other. ``.csv``: one example a row, features in the order of time. ``.ts``: the UCR
    and UEA archives.

    A missing value (``?`` or NaN in .ts, an empty cell in .csv) is replaced by the training mean of
    its feature. NaN and infinite values elsewhere are refused.

    Args:
        train_file: the file to train on.
        validation_file: the file to validate on.
        test_file: the file to test on.
        predict_file: the file to predict, whose labels are not read. Default: the test part.
        labels: what the labels are: sequence (one class each), step (one class a step, .npz only)
            or multilabel (0 or 1 a class, .npz and .csv).
        label_column: the .csv column with the class; for multilabel the list of 0/1 columns.
        features_per_step: how many .csv columns make one step.
        normalise: bring each feature to mean 0 and standard deviation 1, as measured on the
            training part.
        max_length: the number of steps kept of a sequence; null keeps all.
        truncation: where steps are dropped from a longer sequence: pre or post.
        validation_fraction: the share of the training file held out for validation, by class, where
            there is no validation file; 0 trains without validation.
        test_fraction: the share of the training file held out for testing, by class, where there is
            no test file.
        batch_size: the sequences in a batch of one process.
        num_workers: the worker processes of each loader; 0 loads in the main process.
        seed: the seed of the held-out parts and of the order of training.
        bucket: batch sequences of similar length together, to pad less.
    """

    def __init__(
        self,
        train_file: str | None = None,
        validation_file: str | None = None,
        test_file: str | None = None,
        predict_file: str | None = None,
        labels: LabelsKind = "sequence",
        label_column: str | list[str] = "label",
        features_per_step: int = 1,
        normalise: bool = True,
        max_length: int | None = None,
        truncation: Literal["pre", "post"] = "post",
        validation_fraction: float = 0.2,
        test_fraction: float = 0.2,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        bucket: bool = True,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            bucket=bucket,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
        )
        self._files: dict[Split, str | None] = {
            "train": train_file,
            "validation": validation_file,
            "test": test_file,
            "predict": predict_file,
        }
        if labels not in ("sequence", "step", "multilabel"):
            raise ValueError(
                f'labels must be "sequence", "step" or "multilabel"; got {labels!r}. Choose one.'
            )
        if features_per_step < 1:
            raise ValueError(
                f"features_per_step must be at least 1; got {features_per_step}. Pass 1 or more."
            )
        if max_length is not None and max_length < 1:
            raise ValueError(
                f"max_length must be at least 1 or None; got {max_length}. Pass 1 or more."
            )
        check_side("truncation", truncation)
        check_distinct([label_column] if isinstance(label_column, str) else label_column)
        self.labels_kind = "class" if labels == "sequence" else labels
        self.labels: LabelsKind = labels
        self.label_column = label_column
        self.features_per_step = features_per_step
        self.normalise = normalise
        self.max_length = max_length
        self.truncation: Literal["pre", "post"] = truncation

    def has_source(self, split: Split) -> bool:
        """Say whether there is a file for this split."""
        return self._files[split] is not None

    def read_source(self, split: Split) -> Examples:
        """Read the file of a split in the format of its ending."""
        path = str(self._files[split])
        labelled = split != "predict"
        ending = Path(path).suffix
        if ending == ".npz":
            return read_npz(path, self.labels, labelled=labelled)
        if ending == ".csv":
            self._check_labels(ending, isinstance(self.label_column, list))
            return read_wide_csv(path, self.features_per_step, self.label_column, labelled=labelled)
        if ending == ".ts":
            self._check_labels(ending, False)
            return read_ts(path, labelled=labelled)
        raise ValueError(
            f"a file of sequences must end in .npz, .csv or .ts; got {path}. Convert or rename it."
        )

    def fit_preprocessing(
        self, train: Examples, class_names: tuple[str, ...]
    ) -> SeriesPreprocessing:
        """Measure mean and standard deviation of each feature over the training steps."""
        widths = sorted({series.shape[1] for series in train.inputs})
        if len(widths) > 1:
            raise ValueError(f"all sequences must have one number of features; got {widths}.")
        steps = np.concatenate(train.inputs)
        known = ~np.isnan(steps)
        if not known.any(axis=0).all():
            raise ValueError(
                "each feature needs a value in the training part; got missing ones only for "
                f"feature {int(np.argmin(known.any(axis=0)))}. Drop the feature."
            )
        mean = tuple(np.nanmean(steps, axis=0).tolist())
        # A feature whose spread is only rounding is constant, and stays as it is.
        spread = np.nanstd(steps, axis=0)
        constant = spread <= 1e-12 * np.maximum(1.0, np.abs(mean))
        std = tuple(np.where(constant, 1.0, spread).tolist())
        return SeriesPreprocessing(
            input_size=widths[0],
            class_names=class_names,
            mean=mean if self.normalise else None,
            std=std if self.normalise else None,
            fill=mean,
            max_length=self.max_length,
            truncation=self.truncation,
        )

    def _check_labels(self, ending: str, several: bool) -> None:
        wanted = "multilabel" if several else "sequence"
        if self.labels != wanted:
            raise ValueError(
                f'a {ending} file with label_column={self.label_column!r} needs labels="{wanted}"; '
                f'got labels="{self.labels}". Change labels, or use an .npz file.'
            )
