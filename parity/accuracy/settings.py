"""What `python -m parity compare` trains on each data set, and the margins fixed beforehand."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """The defaults of a data set.

    Attributes:
        margin: points of test accuracy under which the frameworks count as equal. It is a little
            over the standard deviation between runs of one framework that differ in their seed
            alone, as pilots found it: 0.8 for the digits, 0.6 for IMDB. Who trains once cannot see
            a smaller difference, for training again with another seed changes as much. With this
            ratio 20 seeds find equal frameworks equivalent in nine experiments of ten.
        epochs: all of them are trained.
        training: the other fields of `Experiment`.
    """

    margin: float
    epochs: int
    training: dict[str, Any]


DATA_SETS = {
    "digits": DataSet(
        margin=1.0,
        epochs=12,
        training={
            "dropout": 0.2,
            "recurrent_dropout": 0.1,
            "max_pooling": False,
            "learning_rate": 0.01,
        },
    ),
    "imdb": DataSet(
        margin=1.0,
        epochs=3,
        training={
            "dropout": 0.2,
            "recurrent_dropout": 0.0,
            "max_pooling": True,
            "learning_rate": 0.003,
        },
    ),
}
EXAMPLES = 5000
SIZES = {"hidden_size": 32, "embedding_dim": 64, "batch_size": 64}
LOSS_MARGIN = 0.1
"""Of the natural logarithm of the training loss, whose deviation is as large on the digits: 0.1
more is a loss that is larger by a tenth."""


def add_command(commands: Any, default_jobs: int) -> None:
    """Adds ``compare`` with its options to the program's commands."""
    margins = ", ".join(f"{one.margin:g} for {name}" for name, one in DATA_SETS.items())
    epochs = ", ".join(f"{one.epochs} for {name}" for name, one in DATA_SETS.items())
    compare = commands.add_parser(
        "compare",
        help="train a classifier in both frameworks over many seeds and compare its accuracy",
        description="Each framework trains from its own initial weights, with its own order of the "
        "examples and its own dropout. Choose N and M before you look: adding seeds until a test "
        "succeeds makes it wrong more often than ALPHA. Exit status, of the test accuracy alone: "
        "0: equivalent, the means differ by less than M (two one-sided tests at ALPHA); 1: "
        "different, and not shown to be equivalent (Welch's test at ALPHA); 2: undecided, or it "
        "could not be tried, with one line that says why.",
    )
    compare.add_argument(
        "--data", choices=tuple(DATA_SETS), default="digits", help="default: %(default)s"
    )
    compare.add_argument(
        "--imdb-folder", metavar="PATH", help="with train.tsv.gz and test.tsv.gz: label and text"
    )
    compare.add_argument(
        "--examples",
        type=int,
        metavar="N",
        default=EXAMPLES,
        help="reviews to train on, and as many to test on; default: %(default)s",
    )
    compare.add_argument(
        "--cell", choices=("rnn", "lstm", "gru"), default="gru", help="default: %(default)s"
    )
    compare.add_argument(
        "--embedding-gradients",
        choices=("summed", "keras_tensorflow"),
        default="summed",
        help="of our optimiser: right, or as Keras on TensorFlow computes them; default: "
        "%(default)s",
    )
    compare.add_argument(
        "--seeds", type=int, metavar="N", default=20, help="of each framework; default: %(default)s"
    )
    compare.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help=f"points of accuracy that count as equal; default: {margins}",
    )
    compare.add_argument(
        "--alpha", type=float, default=0.05, help="error rate of each test; default: %(default)s"
    )
    compare.add_argument("--epochs", type=int, metavar="N", help=f"default: {epochs}")
    compare.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        default=default_jobs,
        help="processes; default: %(default)s",
    )
    compare.add_argument(
        "--journal",
        metavar="FILE",
        help="append each training to FILE, and go on from what FILE already holds",
    )
    compare.add_argument("--json", metavar="FILE", help="also write every run and number as JSON")
    compare.add_argument("--plot", metavar="FILE", help="also draw every run, as an SVG")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of the command; see its help.

    Attributes:
        data: the name of a data set.
        imdb_folder: where IMDB lies; None for other data.
        examples: how many reviews.
        cell: ``rnn``, ``lstm`` or ``gru``.
        embedding_gradients: of our optimiser; see `Experiment`.
        seeds: how many, at least 2.
        margin: points of accuracy; None for the data set's.
        alpha: error rate of each test.
        epochs: None for the data set's.
        jobs: processes.
        journal: a file, or None.
        json: a file, or None.
        plot: a file, or None.
    """

    data: str = "digits"
    imdb_folder: str | None = None
    examples: int = EXAMPLES
    cell: str = "gru"
    embedding_gradients: str = "summed"
    seeds: int = 20
    margin: float | None = None
    alpha: float = 0.05
    epochs: int | None = None
    jobs: int = 1
    journal: str | None = None
    json: str | None = None
    plot: str | None = None

    def __post_init__(self) -> None:
        """Notices before the work what could not be done after it."""
        if self.seeds < 2:
            raise ValueError(f"--seeds must be at least 2, for a spread; got {self.seeds}.")
        if self.jobs < 1:
            raise ValueError(f"--jobs must be at least 1; got {self.jobs}.")
        if self.margin is not None and not self.margin > 0:
            raise ValueError(f"--margin must be over 0; got {self.margin}.")
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"--alpha must be between 0 and 0.5; got {self.alpha}.")
        if self.data == "imdb" and self.imdb_folder is None:
            raise ValueError(
                "--data imdb needs --imdb-folder: a folder with train.tsv.gz and test.tsv.gz."
            )
        for path in (self.json, self.plot):
            if path is not None and Path(path).is_dir():
                raise ValueError(f"a report must go to a file; {path} is a folder.")

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> "Settings":
        """The settings among parsed options."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})
