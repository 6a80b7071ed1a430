"""Every case of training run, and what became of it as rows, a table and charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tqdm import tqdm

from parity.parallel import in_processes
from parity.report.svg import Series, line_chart
from parity.results import ParityReport, ParityUnavailable, failed_row
from parity.training.batches import random_batches
from parity.training.cases import RATES, TrainingCase, setting_cases, table_cases
from parity.training.comparison import AGAINST_KERAS, KERAS_ROUNDED, Growth

SMALLEST = 1e-18
"""Where a curve on a logarithmic axis shows 0."""


@dataclass(frozen=True)
class TrainingResult:
    """What became of one case.

    Attributes:
        case: which.
        report: its rows.
        growth: by dtype and by pair of trajectories, the difference of the weights step by step.
    """

    case: TrainingCase
    report: ParityReport
    growth: dict[str, Growth]


def run_training_case(case: TrainingCase, steps: int) -> TrainingResult:
    """Trains a case and its twin."""
    from parity.convert import to_keras
    from parity.training.check import compare_training

    model = case.build()
    found = compare_training(model, to_keras(model), random_batches(model, steps), case=case.name)
    growth = {"float64": found.float64.growth}
    if found.float32 is not None:
        growth["float32"] = found.float32.growth
    return TrainingResult(case, found.report, growth)


def run_training_suite(
    cases: Sequence[TrainingCase], steps: int, jobs: int
) -> list[TrainingResult]:
    """Runs every case, in the order of the cases, with a progress bar on a terminal.

    A case that ends with an exception is a row that failed.
    """
    run = partial(run_training_case, steps=steps)
    results: dict[str, TrainingResult] = {}
    with tqdm(total=len(cases), disable=None, unit="case") as bar:
        for case, future in in_processes(run, cases, jobs):
            error = future.exception()
            if isinstance(error, ParityUnavailable):
                raise error
            results[case.name] = (
                future.result()
                if error is None
                else TrainingResult(case, ParityReport((failed_row(case.name, error),)), {})
            )
            bar.update()
    return [results[case.name] for case in cases]


def select(optimizer: str | None, cell: str | None) -> list[TrainingCase]:
    """The cases of an optimiser and a cell; None for all.

    Raises:
        ValueError: there is none.
    """
    found = [
        case
        for case in (*table_cases(), *setting_cases())
        if optimizer in (None, case.optimizer, case.optimizer.removeprefix("keras_"))
        and cell in (None, case.cell)
    ]
    if not found:
        known = ", ".join(name.removeprefix("keras_") for name in RATES)
        raise ValueError(f"no case has the optimiser {optimizer!r}; there are {known}.")
    return found


def whole_report(results: Sequence[TrainingResult]) -> ParityReport:
    """The rows of all cases."""
    return ParityReport(tuple(row for result in results for row in result.report.rows))


def markdown_table(results: Sequence[TrainingResult], steps: int) -> str:
    """How far the weights are apart after training, optimiser by cell, in Markdown.

    Each is the largest difference of any weight as a share of the weight's largest element; in
    float32 with that of Keras's own float32 from float64 behind it.
    """
    shown = {(r.case.optimizer, r.case.cell): r for r in results if not r.case.called}
    cells = list(dict.fromkeys(cell for _, cell in shown))
    header = [f"after {steps} steps"] + [
        f"{cell} {d}" for d in ("float64", "float32") for cell in cells
    ]
    lines = [header, ["---"] * len(header)]
    for optimizer in dict.fromkeys(name for name, _ in shown):
        texts = [optimizer.removeprefix("keras_")]
        for dtype in ("float64", "float32"):
            texts += [_entry(shown.get((optimizer, cell)), dtype) for cell in cells]
        lines.append(texts)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _entry(result: TrainingResult | None, dtype: str) -> str:
    if result is None:
        return ""
    if not result.report.passed or dtype not in result.growth:
        return "differs"
    growth = result.growth[dtype]
    last = f"{growth[AGAINST_KERAS][-1]:.0e}"
    if dtype == "float64":
        return last
    return f"{last} ({growth[KERAS_ROUNDED][-1]:.0e})"


def charts(results: Sequence[TrainingResult]) -> list[str]:
    """The growth of the differences, a chart a case and dtype."""
    return [
        line_chart(
            title=f"{result.case.name}, {dtype}",
            y_label="log10 of the largest relative difference",
            series=[
                Series(
                    name=name,
                    points=tuple(
                        (step, math.log10(max(value, SMALLEST)))
                        for step, value in enumerate(curve, 1)
                    ),
                    style=style,
                    unit="step",
                )
                for style, (name, curve) in enumerate(growth.items())
            ],
        )
        for result in results
        for dtype, growth in result.growth.items()
    ]
