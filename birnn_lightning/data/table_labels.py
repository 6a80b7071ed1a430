"""Labels in the columns of a table become class names, or 0/1 flags, and never a guess."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

_FLAGS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "False": 0.0, "True": 1.0}


def check_distinct(columns: Sequence[str]) -> None:
    """Raise ValueError when no label column is named, or one is named twice."""
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if repeated or not columns:
        raise ValueError(
            f"label_column must name at least one column, each once; got {list(columns)}. "
            "Name the column of classes, or the 0/1 columns."
        )


def read_labels(table: Any, column: str, where: str) -> tuple[list[str], tuple[str, ...] | None]:
    """Read one column of classes.

    Args:
        table: a ``datasets.Dataset``.
        column: a column of text, numbers or ``ClassLabel``.
        where: what errors call the table.

    Returns:
        The class name of each row; and all the names in their order where the column is a
        ``ClassLabel``, which lists them, else None.

    Raises:
        ValueError: when a label is missing.
    """
    names = getattr(table.features[column], "names", None)
    labels = []
    for row, value in enumerate(table[column], start=1):
        if value is None or value == "" or (names and value < 0):
            raise ValueError(
                f"a label must not be missing; got {value!r} at row {row} of {where}, column "
                f"{column!r}. Drop the row or fill in its label."
            )
        labels.append(names[value] if names else str(value))
    return labels, tuple(names) if names else None


def read_flags(
    table: Any, columns: Sequence[str], where: str
) -> tuple[list[list[float]], tuple[str, ...]]:
    """Read one 0/1 column a class, for several labels an example.

    Returns:
        The flags of each row, and the names of the columns.

    Raises:
        ValueError: when a flag is missing, or neither 0 nor 1.
    """
    flags = []
    for column in columns:
        labels, _ = read_labels(table, column, where)
        for row, label in enumerate(labels, start=1):
            if label not in _FLAGS:
                raise ValueError(
                    f"a label of several must be 0 or 1; got {label!r} at row {row} of {where}, "
                    f"column {column!r}. Name 0/1 columns, or a single column of classes."
                )
        flags.append([_FLAGS[label] for label in labels])
    return [list(row) for row in zip(*flags, strict=True)], tuple(columns)
