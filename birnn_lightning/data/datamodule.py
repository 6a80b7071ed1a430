"""Splits, labels, loaders and sizes work alike for texts, series and digits."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from birnn_lightning.data.batch import Batch
from birnn_lightning.data.examples import EncodedExamples, Examples, sorted_class_names
from birnn_lightning.data.loader import build_loader
from birnn_lightning.data.preprocessing import Preprocessing, TextPreprocessing
from birnn_lightning.data.sampler import LengthBucketSampler
from birnn_lightning.data.splitting import check_fraction, hold_out
from birnn_lightning.data.tokenization import Tokenizer

Split = Literal["train", "validation", "test", "predict"]

_SPLITS_OF_STAGE: dict[str, tuple[Split, ...]] = {
    "fit": ("train", "validation"),
    "validate": ("validation",),
    "test": ("test",),
    "predict": ("predict",),
}


class ClassificationDataModule(LightningDataModule, ABC):
    """What the data modules share; a subclass reads raw examples and fits the preprocessing.

    A split is read once, when it is first needed; it is encoded once, when its loader is made. So
    ``preprocessing`` may be set after ``setup``, up to the first loader.

    Args:
        batch_size: the examples in a batch of one process.
        num_workers: the worker processes of each loader; 0 loads in the main process.
        seed: the seed of the held-out parts and of the order of training.
        bucket: batch examples of similar length together, to pad less.
        validation_fraction: the share of the training data held out for validation where the data
            brings none; 0 trains without validation.
        test_fraction: the share of the training data held out for testing where the data brings
            none; 0 holds out nothing.
    """

    labels_kind: Literal["class", "step", "multilabel"] = "class"
    tokenizer = Tokenizer()
    """What splits the texts, where there are any."""

    def __init__(
        self,
        *,
        batch_size: int,
        num_workers: int,
        seed: int,
        bucket: bool,
        validation_fraction: float,
        test_fraction: float,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
        ):
            if value < least:
                raise ValueError(
                    f"{name} must be at least {least}; got {value}. Pass {least} or more."
                )
        check_fraction("validation_fraction", validation_fraction)
        check_fraction("test_fraction", test_fraction)
        check_fraction("validation_fraction + test_fraction", validation_fraction + test_fraction)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.bucket = bucket
        self._fractions: dict[Split, float] = {
            "validation": validation_fraction,
            "test": test_fraction,
        }
        self._preprocessing: Preprocessing | None = None
        self._examples: dict[Split, Examples] = {}
        self._encoded: dict[Split, EncodedExamples] = {}

    @abstractmethod
    def has_source(self, split: Split) -> bool:
        """Say whether the data brings this split itself; "train" says whether there is any."""

    @abstractmethod
    def read_source(self, split: Split) -> Examples:
        """Read the raw examples of a split that the data brings itself."""

    @abstractmethod
    def fit_preprocessing(self, train: Examples, class_names: tuple[str, ...]) -> Preprocessing:
        """Fit what encodes the examples to the training part alone."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What encodes raw examples: set from outside (a checkpoint's), else fitted when needed."""
        if self._preprocessing is None:
            train = self.examples("train")
            self._preprocessing = self.fit_preprocessing(train, self._find_class_names(train))
        return self._preprocessing

    @preprocessing.setter
    def preprocessing(self, preprocessing: Preprocessing | None) -> None:
        self._preprocessing = preprocessing
        self._encoded.clear()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of their indices."""
        return self.preprocessing.class_names

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def model_sizes(self) -> dict[str, Any]:
        """Say what a model must be built with for this data; needs no trainer.

        Returns:
            ``vocab_size`` or ``input_size``; ``task`` ("binary" for two classes, else "multiclass",
            or "multilabel"); ``num_classes`` unless binary; ``tagging=True`` for a label a step.
        """
        preprocessing = self.preprocessing
        if isinstance(preprocessing, TextPreprocessing):
            sizes: dict[str, Any] = {"vocab_size": len(preprocessing.vocabulary)}
        else:
            sizes = {"input_size": preprocessing.input_size}
        if self.labels_kind == "multilabel":
            sizes |= {"task": "multilabel", "num_classes": self.num_classes}
        elif self.num_classes == 2:
            sizes |= {"task": "binary"}
        else:
            sizes |= {"task": "multiclass", "num_classes": self.num_classes}
        return sizes | {"tagging": True} if self.labels_kind == "step" else sizes

    def setup(self, stage: str) -> None:
        """Read the splits of a stage, each once."""
        for split in _SPLITS_OF_STAGE[stage]:
            if split != "validation" or self.validates:
                self.examples(split)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches in a new random order each epoch."""
        return self._build_loader("train", shuffle=True, bucket=self.bucket)

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Batches in a fixed order; no loader where there is no validation part."""
        if not self.validates:
            return []
        return self._build_loader("validation", shuffle=False, bucket=self.bucket)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Batches in a fixed order."""
        return self._build_loader("test", shuffle=False, bucket=self.bucket)

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Batches in the order of the data: what is to be predicted, else the test part."""
        return self._build_loader("predict", shuffle=False, bucket=False)

    def examples(self, split: Split) -> Examples:
        """Return the raw examples of a split, read when first asked for.

        Raises:
            ValueError: when the data has no such split.
        """
        if split == "predict" and not self.has_source("predict"):
            split = "test"
        if split not in self._examples:
            if split == "train" or self._held_out_share(split):
                self._read_train()
            elif self.has_source(split):
                self._examples[split] = self.read_source(split)
            else:
                raise ValueError(
                    f"the {split} split needs examples; got no {split} data and no share of the "
                    "training data to hold out. Give this split data of its own."
                )
        return self._examples[split]

    def _read_train(self) -> None:
        if not self.has_source("train"):
            raise ValueError(
                "training data are needed (to fit the preprocessing, or to hold a part out); got "
                "none. Give the training files, or set preprocessing to a checkpoint's."
            )
        train = self.read_source("train")
        count = len(train)
        held_out: tuple[Split, ...] = ("test", "validation")
        for split in held_out:
            if share := self._held_out_share(split):
                # Both fractions are of all training examples, so the second is more of the rest.
                share *= count / len(train)
                classes = train.labels if self.labels_kind == "class" else None
                kept, held = hold_out(len(train), share, self.seed, classes)
                self._examples[split] = train.take(held)
                train = train.take(kept)
        self._examples["train"] = train

    def _held_out_share(self, split: Split) -> float:
        """Return the share of the training data that makes this split, 0 where none does."""
        if split not in self._fractions or self.has_source(split):
            return 0.0
        return self._fractions[split]

    def _find_class_names(self, train: Examples) -> tuple[str, ...]:
        names = train.class_names
        if names is None:
            labels: Sequence[Any] = train.labels or []
            flat = chain.from_iterable(labels) if self.labels_kind == "step" else labels
            names = sorted_class_names(flat)
        if len(names) < 2 and self.labels_kind != "multilabel":
            raise ValueError(
                f"the training labels must have at least two classes; got {list(names)} in "
                f"{train.origins[0][0]}. Check the label column."
            )
        return names

    @property
    def validates(self) -> bool:
        """Whether there is a validation part."""
        return self.has_source("validation") or self._held_out_share("validation") > 0

    def _build_loader(self, split: Split, *, shuffle: bool, bucket: bool) -> DataLoader[Batch]:
        if split not in self._encoded:
            self._encoded[split] = EncodedExamples(
                self.examples(split), self.preprocessing, self.labels_kind, self.tokenizer
            )
        dataset = self._encoded[split]
        sampler = LengthBucketSampler(
            dataset.lengths, self.batch_size, shuffle=shuffle, seed=self.seed, bucket=bucket
        )
        return build_loader(dataset, sampler, self.num_workers)
