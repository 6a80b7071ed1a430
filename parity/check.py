"""python -m parity check: a grid of configurations, or one trained model on its own data."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from birnn_lightning.cli.training import datamodule_of_checkpoint
from birnn_lightning.data.batch import Batch
from birnn_lightning.imports import import_without_collections
from birnn_lightning.module import SequenceClassifier
from parity.commands.source import read_source
from parity.commands.source_check import compare_with_source
from parity.comparison import compare
from parity.convert import to_keras
from parity.report import markdown, parity_table, write_html, write_json, write_junit
from parity.results import ParityReport, ParityUnavailable
from parity.suite.grids import grid
from parity.suite.runner import run_suite
from parity.versions import facts


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where a report goes besides the terminal; None leaves a format out."""

    json: str | None = None
    junit: str | None = None
    html: str | None = None

    def __post_init__(self) -> None:
        """Notices before the work what could not be written after it."""
        for path in (self.json, self.junit, self.html):
            if path is not None and Path(path).is_dir():
                raise ValueError(f"a report must go to a file; {path} is a folder.")


def check_grid(name: str, jobs: int, journal: str | None) -> ParityReport:
    """Compares every case of a grid with its Keras twin; see `run_suite` for the arguments."""
    import_without_collections("parity.keras_model")  # fails once, not in every process
    return run_suite(grid(name), jobs, journal)


def check_model(path: str, examples: int | None) -> ParityReport:
    """Compares a trained model with its Keras twin.

    Args:
        path: a ``.ckpt`` or ``.safetensors`` of ours, or a Keras file.
        examples: how many of the test examples of the model's own data; None for random inputs.

    Raises:
        ParityUnavailable: the file cannot be read, or there is no data.
    """
    name = Path(path).name
    source = read_source(path)
    model = source.classifier
    if source.keras_file is not None:
        how, report = compare_with_source(path, source, model)
        print(how)
        return report
    if examples is None:
        return compare(model, to_keras(model), case=name)
    batch = test_examples(path, model, examples)
    twin = to_keras(model, mask_input=batch.mask is not None)
    case = f"{name}, {len(batch.inputs)} test examples"
    return compare(model, twin, batch.inputs, mask=batch.mask, case=case)


def test_examples(path: str, model: SequenceClassifier, count: int) -> Batch:
    """One batch of the first ``count`` test examples of the data that a model was trained on."""
    datamodule = datamodule_of_checkpoint(path)
    if datamodule is None or model.preprocessing is None:
        raise ParityUnavailable(
            f"{path} has no config.yaml of its run beside it, so its data are not known. Leave "
            "--examples out to compare on random inputs."
        )
    datamodule.preprocessing = model.preprocessing
    return model.preprocessing(list(datamodule.examples("test").inputs[:count]))


def publish(
    report: ParityReport,
    outputs: Outputs,
    from_grid: bool = False,
    figures: Sequence[str] = (),
) -> None:
    """Prints the table and writes the files that were asked for.

    A long report is condensed where people read it; programs get every row. Of a grid's failures
    the table says how to try them again. ``figures`` are charts for the web page.
    """
    short = report.condensed()
    print(parity_table(short, from_grid=from_grid))
    if outputs.json:
        write_json(outputs.json, report)
    if outputs.junit:
        write_junit(outputs.junit, report)
    if outputs.html:
        write_html(
            outputs.html,
            title="Parity",
            classifiers=(),
            parity=short,
            facts=facts(),
            figures=figures,
        )
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with open(summary, "a", encoding="utf-8") as stream:
            stream.write(markdown(short))
