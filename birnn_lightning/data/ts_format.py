"""The ``.ts`` files of the UCR and UEA archives are read as they are, or refused by line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from birnn_lightning.data.examples import Examples

_OUTSIDE_PARENTHESES = re.compile(r":(?![^()]*\))")
_STAMPED_VALUE = re.compile(r"\(([^()]*)\)")
_MISSING = ("?", "nan")


@dataclass
class _Header:
    """What the tags of a file say, as far as it matters for reading.

    Attributes:
        time_stamps: whether a value is written as (time stamp, value).
        labelled: whether a class ends each line; None when no tag says so.
        class_names: the declared classes.
        dimensions: the number of channels, where declared.
    """

    time_stamps: bool = False
    labelled: bool | None = None
    class_names: list[str] = field(default_factory=list)
    dimensions: int | None = None


def read_ts(path: str, *, labelled: bool = True) -> Examples:
    """Read a ``.ts`` file: a line an example, channels separated by colons, the class at the end.

    Channels of one example have one length; examples may differ. ``?`` (or ``NaN``) is a missing
    value and becomes NaN. Time stamps are dropped: the values are steps in the order of the file.
    Lines that begin with ``#`` or ``%`` are comments. Tags are read without regard to case; those
    that only describe the values (``@equalLength``, ``@seriesLength``, ``@missing``) are not
    relied on.

    Args:
        path: the file.
        labelled: whether the file must have classes.

    Returns:
        Examples with ``(time, channels)`` float64; labels None where the file has no classes.

    Raises:
        ValueError: when the file is missing, empty, without classes though it must have them, or a
            line is not as the header says.
    """
    header = _Header()
    in_data = False
    inputs: list[np.ndarray] = []
    labels: list[str] = []
    origins: list[tuple[str, int]] = []
    if not Path(path).is_file():
        raise ValueError(f"a data file must exist; got {path}, which is no file. Correct the path.")
    with open(path, encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            line = line.strip()
            if not line or line.startswith(("#", "%")):
                continue
            where = f"line {number} of {path}"
            if line.startswith("@"):
                in_data = _read_tag(header, line, where) or in_data
                continue
            if not in_data:
                raise ValueError(f"data must follow the tag @data; got values at {where}.")
            series, label = _read_example(header, line, where)
            channels = series.shape[1]
            if header.dimensions is None:
                header.dimensions = channels
            if channels != header.dimensions:
                raise ValueError(
                    f"each example must have {header.dimensions} channels, as the header or the "
                    f"first example has; got {channels} at {where}. Correct the line."
                )
            inputs.append(series)
            labels.append(label)
            origins.append((path, len(inputs)))
    if not inputs:
        raise ValueError(f"a .ts file must have at least one example; got none in {path}.")
    if labelled and not header.labelled:
        raise ValueError(
            f"a .ts file must have classes (@classLabel true a b ...); got none in {path}. "
            "Only a file to predict may go without."
        )
    return Examples(inputs=inputs, labels=labels if header.labelled else None, origins=origins)


def _read_tag(header: _Header, line: str, where: str) -> bool:
    """Take in one tag; return whether it is @data."""
    tag, *values = line.split()
    tag = tag.lower()
    if tag == "@data":
        return True
    if tag in ("@timestamps", "@univariate", "@classlabel"):
        answer = values[0].lower() if values else ""
        if answer not in ("true", "false"):
            raise ValueError(f"{tag} must be true or false; got {answer!r} at {where}.")
        if tag == "@timestamps":
            header.time_stamps = answer == "true"
        elif tag == "@classlabel":
            header.labelled, header.class_names = answer == "true", values[1:]
        elif answer == "true":
            header.dimensions = 1
    elif tag in ("@dimensions", "@dimension"):
        if len(values) != 1 or not values[0].isdecimal():
            raise ValueError(f"{tag} must be a number; got {' '.join(values)!r} at {where}.")
        header.dimensions = int(values[0])
    elif tag == "@targetlabel":
        raise ValueError(f"a .ts file must be for classification; got @targetLabel at {where}.")
    return False


def _read_example(header: _Header, line: str, where: str) -> tuple[np.ndarray, str]:
    channels = _OUTSIDE_PARENTHESES.split(line)
    label = channels.pop().strip() if header.labelled else ""
    if header.labelled and header.class_names and label not in header.class_names:
        raise ValueError(
            f"a class must be declared by @classLabel ({', '.join(header.class_names)}); got "
            f"{label!r} at {where}. Correct the line or the header."
        )
    values = [_read_channel(header, channel, where) for channel in channels]
    lengths = [len(channel) for channel in values]
    if not lengths or len(set(lengths)) > 1:
        raise ValueError(
            f"the channels of an example must have one length; got {lengths} at {where}. "
            "Correct the line."
        )
    return np.stack(values, axis=1), label


def _read_channel(header: _Header, channel: str, where: str) -> np.ndarray:
    cells: Sequence[str] = channel.split(",")
    if header.time_stamps:
        cells = [pair.rpartition(",")[2] for pair in _STAMPED_VALUE.findall(channel)]
    elif "(" in channel:
        raise ValueError(f"time stamps need the tag @timeStamps true; got a '(' at {where}.")
    if not cells:
        raise ValueError(
            f"a channel must hold (time stamp,value) pairs; got {channel[:40]!r} at {where}. "
            "Correct the line."
        )
    cells = ["nan" if cell.strip().lower() in _MISSING else cell for cell in cells]
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"a value must be a number or '?' at {where}; got: {error}.") from error
    if np.isinf(values).any():
        raise ValueError(f"a value must be finite; got an infinite one at {where}. Correct it.")
    return values
