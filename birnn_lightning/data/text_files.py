"""Files and hub datasets are read through ``datasets``, whole and unchanged, or refused."""

import csv
import gzip
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".parquet": "parquet"}
_ENDINGS = ".csv, .tsv, .jsonl (each also with .gz) or .parquet"


def read_file(path: str) -> Any:
    """Read one local file as a ``datasets.Dataset``, a row an example.

    ``.csv`` has double quotes around texts with commas, quotes or newlines; ``.tsv`` has no
    quoting, so that a quote is a character like others. Every cell of both is text: nothing is
    guessed, and ``None`` or ``007`` stay what they are.

    Args:
        path: a file that ends in .csv, .tsv, .jsonl (each also with .gz) or .parquet.

    Raises:
        ValueError: when the file is missing, empty or broken, or its ending unknown.
    """
    file = Path(path)
    ending = "".join(file.suffixes[-2:]) if file.suffix == ".gz" else file.suffix
    kind = _FORMATS.get(ending.removesuffix(".gz"))
    if ending == ".parquet.gz":
        raise ValueError(
            f"a Parquet file must not be compressed as a whole; got {path}. Run gunzip on it first "
            "(Parquet compresses its columns itself)."
        )
    if kind is None:
        raise ValueError(f"a data file must end in {_ENDINGS}; got {path}. Convert or rename it.")
    if not file.is_file():
        raise ValueError(
            f"a data file must exist; got {path}, which is no file seen from {Path.cwd()}. "
            "Correct the path."
        )
    if file.stat().st_size == 0:
        raise ValueError(f"a data file must have at least one example; got {path}, which is empty.")
    options: dict[str, Any] = {}
    rows = None
    if kind == "csv":
        options, rows = _delimited_options(file, tab=ending.startswith(".tsv"))
    dataset = _load_local(kind, path, options)
    if len(dataset) == 0 or (rows is not None and len(dataset) != rows):
        raise ValueError(
            f"all rows must come through; got {len(dataset)} of {rows} from {path}. Look for stray "
            "quotes or line breaks in the file."
        )
    return dataset


def read_hub_dataset(name: str) -> Any:
    """Load a dataset from the Hugging Face hub, or from its cache, as a ``DatasetDict``.

    Raises:
        ValueError: when the dataset is neither on this machine nor to be reached.
    """
    import datasets
    from datasets.exceptions import DatasetGenerationError

    with _quiet():
        try:
            return datasets.load_dataset(name)
        except (OSError, DatasetGenerationError) as error:
            # ConnectionError, DatasetNotFoundError and the hub's HTTP errors are all OSErrors.
            raise ValueError(
                f"the dataset {name!r} must be on the Hugging Face hub and within reach; got: "
                f"{_first_line(error)}. Check the name and the network, or use local files: "
                "data.train_files=train.tsv data.test_files=test.tsv."
            ) from error


def check_columns(present: Sequence[str], wanted: Sequence[str], where: str) -> None:
    """Raise ValueError when a wanted column is not there."""
    for column in wanted:
        if column not in present:
            raise ValueError(
                f"the columns must include {column!r}; got {', '.join(present)} in {where}. "
                "Set text_column and label_column to columns that are there."
            )


def _load_local(kind: str, path: str, options: dict[str, Any]) -> Any:
    import datasets
    import pandas as pd
    from datasets.exceptions import DatasetGenerationError

    with _quiet(), warnings.catch_warnings():
        # pandas drops surplus cells with this warning only.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            # The modification time is a part of the cache's key: a changed file is read again.
            return datasets.load_dataset(kind, data_files=[path], split="train", **options)
        except (DatasetGenerationError, ValueError, StopIteration) as error:
            raise ValueError(
                f"a .{kind} file must be readable with at least one example; got {path}: "
                f"{_first_line(error.__cause__ or error)}. Correct the file."
            ) from error


def _delimited_options(file: Path, *, tab: bool) -> tuple[dict[str, Any], int]:
    """Count the rows of a delimited file, check their width, and say how to read it."""
    import datasets

    quoting = csv.QUOTE_NONE if tab else csv.QUOTE_MINIMAL
    separator = "\t" if tab else ","
    rows = 0
    with _open_text(file) as lines, _unlimited_fields():
        reader = csv.reader(lines, delimiter=separator, quoting=quoting)
        try:
            header = next(reader, [])
            for row in reader:
                if row and len(row) != len(header):
                    raise ValueError(
                        f"each row must have {len(header)} cells like the header; got {len(row)} "
                        f"at line {reader.line_num} of {file}. Correct the line."
                    )
                rows += bool(row)
        except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
            raise ValueError(
                f"a data file must be UTF-8 text; got {file}, line {reader.line_num + 1}: "
                f"{_first_line(error)}. Convert the file."
            ) from error
    if rows == 0:
        raise ValueError(f"a data file must have a header and one example; got {rows} in {file}.")
    if len(set(header)) != len(header):
        raise ValueError(
            f"column names must differ; got {', '.join(header)} in {file}. Rename one."
        )
    text = {name: datasets.Value("string") for name in header}
    options = {"sep": separator, "quoting": quoting, "features": datasets.Features(text)}
    # index_col=False: else a surplus cell in every row makes the first column an index.
    return options | {"keep_default_na": False, "na_filter": False, "index_col": False}, rows


@contextmanager
def _open_text(file: Path) -> Iterator[Any]:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
        yield lines


@contextmanager
def _unlimited_fields() -> Iterator[None]:
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


@contextmanager
def _quiet() -> Iterator[None]:
    """Switch off the progress bars and the log of ``datasets``, which our one line replaces."""
    import datasets

    verbosity = datasets.logging.get_verbosity()
    bars = not datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        if bars:
            datasets.enable_progress_bars()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
