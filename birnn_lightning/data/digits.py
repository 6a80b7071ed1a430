"""A real data set that needs no network: scikit-learn's digits, read row by row as sequences."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from birnn_lightning.data.datamodule import ClassificationDataModule, Split
from birnn_lightning.data.examples import Examples
from birnn_lightning.data.preprocessing import SeriesPreprocessing

_ROWS = 8
_BRIGHTEST = 16.0
_FILE = ("datasets", "data", "digits.csv.gz")


class DigitsDataModule(ClassificationDataModule):
    """1,797 images of handwritten digits as sequences of 8 rows with 8 pixels, scaled to [0, 1].

    The images are those of ``sklearn.datasets.load_digits``; 10 classes. A raw example is an array
    ``(8, 8)`` of numbers from 0 to 16.

    Args:
        batch_size: the images in a batch of one process.
        validation_fraction: the share of the images held out for validation, by class; 0 trains
            without validation.
        test_fraction: the share of the images held out for testing, by class.
        seed: the seed of the held-out parts and of the order of training.
        num_workers: the worker processes of each loader; 0 loads in the main process.
    """

    def __init__(
        self,
        batch_size: int = 32,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.2,
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            bucket=False,  # every image has 8 rows
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
        )

    def has_source(self, split: Split) -> bool:
        """Say that there is one set, from which the other parts are held out."""
        return split == "train"

    def read_source(self, split: Split) -> Examples:
        """Load the images from scikit-learn."""
        images, labels = read_digits()
        return Examples(
            inputs=list(images.reshape(-1, _ROWS, _ROWS)),
            labels=[str(label) for label in labels],
            origins=[("sklearn.datasets.load_digits", row) for row in range(1, len(labels) + 1)],
        )

    def fit_preprocessing(
        self, train: Examples, class_names: tuple[str, ...]
    ) -> SeriesPreprocessing:
        """Divide by 16, the brightest pixel; nothing is fitted."""
        return SeriesPreprocessing(
            input_size=_ROWS,
            class_names=class_names,
            mean=(0.0,) * _ROWS,
            std=(_BRIGHTEST,) * _ROWS,
        )


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """What ``load_digits(return_X_y=True)`` of scikit-learn returns.

    Read from the file that it reads, because importing ``sklearn.datasets`` (and pandas with it)
    takes as long as several epochs; by its function where that file is not.

    Returns:
        Images ``(1797, 64)`` float64 and labels ``(1797,)`` int64.
    """
    package = find_spec("sklearn")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder, *_FILE)
        if path.is_file():
            table = np.loadtxt(path, delimiter=",")
            return table[:, :-1], table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.asarray(images), np.asarray(labels)
