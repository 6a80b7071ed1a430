"""birnn predict: raw texts or series in, labels and probabilities out."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import torch
from jsonargparse import ArgumentParser

from birnn_lightning.classification import Classification, classify
from birnn_lightning.cli.errors import OneLineErrors
from birnn_lightning.data.preprocessing import SeriesPreprocessing, TextPreprocessing
from birnn_lightning.data.series import SequenceDataModule
from birnn_lightning.data.text_files import check_columns, read_file
from birnn_lightning.files import replacing
from birnn_lightning.module import SequenceClassifier

DESCRIPTION = (
    "Label texts or series with a trained model. Texts come as arguments, from --file (one a line "
    "of .txt, or a column of .csv, .tsv, .jsonl, .parquet), or line by line from standard input. "
    "Series come from --file: .npz, .csv or .ts, as for training. Blank lines are skipped."
)
FORMATS = ("jsonl", "csv")
Write = Callable[[Classification, Any], None]


class PredictParser(OneLineErrors, ArgumentParser):
    """The parser of ``birnn predict``."""


def build_parser() -> ArgumentParser:
    """The options of ``birnn predict``."""
    parser = PredictParser(prog="birnn predict", description=DESCRIPTION)
    add = parser.add_argument
    add("-c", "--config", action="config", help="a YAML file with these options")
    add("texts", nargs="*", type=str, help="texts to label")
    add("--ckpt_path", type=str, required=True, help="the trained model, a .ckpt file")
    add("--file", type=str, help="where the examples are; - for standard input")
    add("--column", type=str, default="text", help="the column with the texts")
    add("--output", type=str, help="a file to write; default: standard output")
    add("--format", type=str, help="jsonl or csv; default: by the ending of --output, else jsonl")
    add("--batch_size", type=int, default=64, help="how many are computed at once")
    add("--device", type=str, default="cpu", help="cpu, cuda or cuda:N")
    return parser


def run_predict(arguments: Sequence[str]) -> None:
    """Runs ``birnn predict`` with command-line arguments."""
    options = build_parser().parse_args(list(arguments))
    output_format = find_format(options.format, options.output)
    if options.batch_size < 1:
        raise ValueError(f"--batch_size must be at least 1; got {options.batch_size}.")
    if options.texts and options.file:
        raise ValueError("give texts as arguments or --file, not both.")
    model = SequenceClassifier.load_from_checkpoint(options.ckpt_path)
    examples = read_examples(model, options.texts, options.file, options.column)
    model.to(checked_device(options.device))
    shown: list[Any] = []

    def remembered() -> Iterator[Any]:
        for example in examples:
            shown.append(example)
            yield example

    target: AbstractContextManager[TextIO] = (
        replacing(options.output) if options.output else nullcontext(sys.stdout)
    )
    with target as stream:
        write = WRITERS[output_format](stream, model.class_names)
        for result in classify(model, remembered(), options.batch_size):
            example = shown.pop(0)
            write(result, example if isinstance(example, str) else None)
            if stream is sys.stdout and not shown:
                stream.flush()


def find_format(name: str | None, output: str | None) -> str:
    """The output format: as named, or by the file's ending."""
    if name is None:
        name = "csv" if output and output.endswith(".csv") else "jsonl"
    if name not in FORMATS:
        raise ValueError(f"--format must be jsonl or csv; got {name!r}.")
    return name


def checked_device(name: str) -> torch.device:
    """The device; raises ValueError where there is none of that name."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"--device must be cpu, cuda or cuda:N; got {name!r}.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {name} needs a CUDA GPU; none is available. Use cpu.")
    return device


def read_examples(
    model: SequenceClassifier, texts: Sequence[str], file: str | None, column: str
) -> Iterator[Any]:
    """Texts or series, as the model takes them.

    Raises:
        ValueError: the source does not suit the model, or cannot be read.
    """
    if isinstance(model.preprocessing, SeriesPreprocessing):
        if file is None or file == "-":
            raise ValueError("the model takes series; give them with --file (.npz, .csv or .ts).")
        data = SequenceDataModule(
            predict_file=file, features_per_step=model.preprocessing.input_size
        )
        return iter(data.examples("predict").inputs)
    if not isinstance(model.preprocessing, TextPreprocessing):
        raise ValueError("the checkpoint holds no preprocessing; train with a data module.")
    if texts:
        return iter(texts)
    if file is None or file == "-":
        return _lines(sys.stdin)
    if Path(file).suffix == ".txt":
        return _lines_of(file)
    table = read_file(file)
    check_columns(table.column_names, [column], file)
    return (text for text in table[column] if text)


def _lines_of(file: str) -> Iterator[str]:
    with open(file, encoding="utf-8-sig") as stream:
        yield from _lines(stream)


def _lines(stream: TextIO) -> Iterator[str]:
    return (line.rstrip("\r\n") for line in stream if line.strip())


def jsonl_writer(stream: TextIO, class_names: Sequence[str]) -> Write:
    """One JSON object a line: label, probabilities, and the text where there is one."""

    def write(result: Classification, text: str | None) -> None:
        fields: dict[str, Any] = {} if text is None else {"text": text}
        fields |= {"label": result.label, "probabilities": result.probabilities}
        stream.write(json.dumps(fields, ensure_ascii=False) + "\n")

    return write


def csv_writer(stream: TextIO, class_names: Sequence[str]) -> Write:
    """A header, then a row an example: text, label, one probability a class.

    Several labels are joined by spaces; where every step has a label, each step is a row.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["text", "label", *class_names])

    def write(result: Classification, text: str | None) -> None:
        if isinstance(result.probabilities, list):
            steps = zip(result.label, result.probabilities, strict=True)
        else:
            steps = zip([result.label], [result.probabilities], strict=True)
        for label, probabilities in steps:
            shown = " ".join(map(str, label)) if isinstance(label, list) else label
            writer.writerow([text or "", shown, *probabilities.values()])

    return write


WRITERS = {"jsonl": jsonl_writer, "csv": csv_writer}
