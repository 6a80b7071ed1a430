"""python -m parity convert: a model file of one kind becomes one of another kind."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from birnn_lightning.model_files import save_checkpoint, save_safetensors
from birnn_lightning.module import SequenceClassifier
from parity.commands.layer_lines import layer_lines, layer_table
from parity.commands.source import Source, read_source, with_task
from parity.commands.source_check import check_conversion
from parity.keras_files.saving import write_keras, write_weights_h5
from parity.report import parity_table

LARGE = 100_000_000
"""Bytes of a source from which on the steps are announced."""

WRITERS: dict[str, Callable[[str, SequenceClassifier], None]] = {
    ".keras": write_keras,
    ".weights.h5": write_weights_h5,
    ".ckpt": save_checkpoint,
    ".safetensors": save_safetensors,
}
KERAS_KINDS = (".keras", ".weights.h5")


def run_convert(options: argparse.Namespace) -> bool:
    """Runs ``convert``; returns whether what was checked agrees.

    Raises:
        ParityUnavailable: the source cannot be converted, or the target cannot hold it.
        ValueError: a target of no known kind, or one that exists.
        OSError: the target cannot be written.
    """
    write = WRITERS[target_kind(options.target)]
    check_target(options.source, options.target, options.force)
    announce(options.source, f"reading {options.source}")
    source = read_source(options.source, options.semantics, options.weights, options.backend)
    classifier = source.classifier
    if options.task is not None:
        classifier = with_task(classifier, options.task)
    announce(options.source, f"writing {options.target}")
    write(options.target, classifier)
    print(layer_table(layer_lines(classifier.spec, source.notes)))
    for line in remarks(source, options.target):
        print(line)
    size = Path(options.target).stat().st_size
    print(f"\nWrote {options.target} ({size:,} bytes), task {classifier.task}.")
    if not options.check:
        return True
    how, report = check_conversion(options.source, source, options.target, classifier)
    print(f"\n{how}\n{parity_table(report)}")
    return report.passed


def target_kind(target: str) -> str:
    """The ending that says what to write; raises ValueError for another one."""
    for ending in WRITERS:
        if target.endswith(ending):
            return ending
    raise ValueError(
        f"TARGET must end in one of {', '.join(WRITERS)}; got {target!r}. Keras loads .keras and "
        ".weights.h5 files."
    )


def check_target(source: str, target: str, force: bool) -> None:
    """Raises ValueError where the target exists and may not be replaced."""
    if not Path(target).exists():
        return
    if Path(source).exists() and Path(source).samefile(target):
        raise ValueError(f"SOURCE and TARGET are the same file, {target}. Give another TARGET.")
    if not force:
        raise ValueError(f"{target} exists. Give another TARGET, or --force to replace it.")


def remarks(source: Source, target: str) -> list[str]:
    """What the user should know, a line each."""
    file = source.keras_file
    lines = []
    if file is not None:
        version = f"Keras {file.keras_version}" if file.keras_version else "an unknown Keras"
        lines.append(f"Saved by {version} ({file.container}), read as {source.semantics}.")
    lines += [f"Note {number}: {note}" for number, note in enumerate(source.notes, 1)]
    if source.classifier.preprocessing is not None and target_kind(target) in KERAS_KINDS:
        lines.append("A Keras file has no place for the preprocessing, so it is left out.")
    if "hard_sigmoid_keras2" in str(source.classifier.spec.to_config()) and (
        target_kind(target) == ".keras"
    ):
        lines.append(
            "Keras 3 has no hard_sigmoid of Keras 2: `import parity.keras_model` before it loads "
            f"{target}, which tells it the function."
        )
    return ["", *lines] if lines else []


def announce(source: str, step: str) -> None:
    """Says on a terminal what is done for a while."""
    path = Path(source)
    if sys.stderr.isatty() and path.is_file() and path.stat().st_size >= LARGE:
        print(f"{step} ...", file=sys.stderr, flush=True)
