"""Data for sequence classifiers: texts, numeric sequences and digits, in batches of one shape."""

from birnn_lightning.data.batch import Batch
from birnn_lightning.data.datamodule import ClassificationDataModule
from birnn_lightning.data.digits import DigitsDataModule
from birnn_lightning.data.padding import pad_sequences
from birnn_lightning.data.preprocessing import (
    Preprocessing,
    SeriesPreprocessing,
    TextPreprocessing,
    preprocessing_from_config,
)
from birnn_lightning.data.sampler import LengthBucketSampler
from birnn_lightning.data.series import SequenceDataModule
from birnn_lightning.data.text import TextDataModule
from birnn_lightning.data.vocabulary import Vocabulary

__all__ = [
    "Batch",
    "ClassificationDataModule",
    "DigitsDataModule",
    "LengthBucketSampler",
    "Preprocessing",
    "SequenceDataModule",
    "SeriesPreprocessing",
    "TextDataModule",
    "TextPreprocessing",
    "Vocabulary",
    "pad_sequences",
    "preprocessing_from_config",
]
