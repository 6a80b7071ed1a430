"""Wide CSV files of numeric sequences, one a row, are read cell by cell, or refused."""

import csv
from pathlib import Path

import numpy as np

from birnn_lightning.data.examples import Examples


def read_wide_csv(
    path: str, features_per_step: int, label_column: str | list[str], *, labelled: bool = True
) -> Examples:
    """Read a CSV file with one example a row, its features in the order of time.

    With two features a step the columns are ``x0,y0,x1,y1,...``; every column but the labels is a
    feature. An empty cell is a missing value and becomes NaN.

    Args:
        path: the file, with a header.
        features_per_step: how many columns make one step.
        label_column: the column of classes; or a list of 0/1 columns, one a class.
        labelled: whether the label columns must be there.

    Returns:
        Examples with ``(time, features_per_step)`` float64.

    Raises:
        ValueError: when the file is missing or empty, a column is missing, or a cell is no number.
    """
    label_columns = [label_column] if isinstance(label_column, str) else label_column
    if not Path(path).is_file():
        raise ValueError(f"a data file must exist; got {path}, which is no file. Correct the path.")
    with open(path, encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, skipinitialspace=True)
        header = [name.strip() for name in next(reader, [])]
        absent = [name for name in label_columns if name not in header]
        if absent and (labelled or len(absent) < len(label_columns)):
            raise ValueError(
                f"the columns must include {absent[0]!r}; got {', '.join(header)} in {path}. "
                "Set label_column to a column that is there."
            )
        places = [header.index(name) for name in label_columns] if not absent else []
        features = [index for index in range(len(header)) if index not in places]
        # A file to predict may have its labels, or some of them, left empty: they are not read.
        places = places if labelled else []
        if not features or len(features) % features_per_step:
            raise ValueError(
                "the feature columns must be a whole number of steps of features_per_step = "
                f"{features_per_step}; got {len(features)} columns in {path}. Correct that number."
            )
        inputs, labels = [], []
        for cells in reader:
            if not cells:
                continue
            where = f"line {reader.line_num} of {path}"
            if len(cells) != len(header):
                raise ValueError(
                    f"each row must have {len(header)} cells like the header; got {len(cells)} at "
                    f"{where}. Correct the line."
                )
            values = [_read_cell(cells[index], header[index], where) for index in features]
            inputs.append(np.array(values).reshape(-1, features_per_step))
            labels.append([_read_label(cells[index], header[index], where) for index in places])
    if not inputs:
        raise ValueError(f"a data file must have a header and one example; got none in {path}.")
    origins = [(path, row) for row in range(1, len(inputs) + 1)]
    if not labelled:
        return Examples(inputs=inputs, origins=origins)
    if isinstance(label_column, str):
        return Examples(inputs=inputs, origins=origins, labels=[one for (one,) in labels])
    return _with_flags(inputs, origins, labels, tuple(label_columns))


def _with_flags(
    inputs: list[np.ndarray],
    origins: list[tuple[str, int]],
    labels: list[list[str]],
    names: tuple[str, ...],
) -> Examples:
    for (path, row), flags in zip(origins, labels, strict=True):
        for name, flag in zip(names, flags, strict=True):
            if flag not in ("0", "1"):
                raise ValueError(
                    f"a label of several must be 0 or 1; got {flag!r} at row {row} of {path}, "
                    f"column {name!r}. Name 0/1 columns, or a single column of classes."
                )
    numbers = [[float(flag) for flag in flags] for flags in labels]
    return Examples(inputs=inputs, origins=origins, labels=numbers, class_names=names)


def _read_label(cell: str, column: str, where: str) -> str:
    if not cell.strip():
        raise ValueError(
            f"a label must not be missing; got an empty cell at {where}, column {column!r}. "
            "Drop the row or fill in its label."
        )
    return cell.strip()


def _read_cell(cell: str, column: str, where: str) -> float:
    if not cell.strip():
        return np.nan
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(
            f"a feature must be a finite number or an empty cell; got {cell!r} at {where}, column "
            f"{column!r}. Correct the cell, or name the column in label_column."
        )
    return value
