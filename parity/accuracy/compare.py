"""python -m parity compare: many trainings in both frameworks end in one verdict."""

import math
import time
from collections.abc import Callable
from typing import Any

from parity.accuracy import data
from parity.accuracy.experiment import Arrays, Experiment, Run
from parity.accuracy.plot import write_plot
from parity.accuracy.report import sentence, table, write_json
from parity.accuracy.settings import DATA_SETS, LOSS_MARGIN, SIZES, Settings
from parity.accuracy.statistics import Comparison, Sample
from parity.accuracy.trials import Runs, Values, train_all
from parity.results import ParityUnavailable
from parity.versions import facts

QUANTITIES: dict[str, Callable[[Run], float]] = {
    "test accuracy, points": lambda run: 100 * run.accuracy,
    "ln(training loss)": lambda run: math.log(run.loss) if run.loss > 0 else math.nan,
}
"""What is compared: the first decides."""


def run_compare(settings: Settings) -> bool:
    """Trains, prints the table and writes the files that were asked for.

    Returns:
        True where the test accuracies are equivalent, False where they are different.

    Raises:
        ParityUnavailable: undecided, or it could not be tried.
    """
    arrays, experiment = _arrays(settings), build_experiment(settings)
    started = time.monotonic()
    runs = train_all(experiment, arrays, range(settings.seeds), settings.jobs, settings.journal)
    values = measured(runs)
    comparisons = compare_values(values, settings)
    print(table(comparisons))
    found = facts() | {
        "Data": f"{settings.data}: {len(arrays.train_inputs):,} examples to train on, "
        f"{len(arrays.test_inputs):,} to test on",
        "Experiment": str(experiment),
        "Seconds": f"{time.monotonic() - started:.0f}",
    }
    if settings.json:
        write_json(settings.json, experiment, runs, comparisons, found)
    if settings.plot:
        write_plot(settings.plot, values, comparisons)
    decisive = comparisons[0]
    if decisive.verdict == "undecided":
        raise ParityUnavailable(sentence(decisive))
    return decisive.verdict == "equivalent"


def build_experiment(settings: Settings) -> Experiment:
    """What the settings train."""
    chosen = DATA_SETS[settings.data]
    epochs = chosen.epochs if settings.epochs is None else settings.epochs
    asked: dict[str, Any] = {
        "cell": settings.cell,
        "epochs": epochs,
        "embedding_gradients": settings.embedding_gradients,
    }
    return Experiment(**asked, **SIZES, **chosen.training)


def measured(runs: Runs) -> Values:
    """Every quantity of every run, the decisive quantity first."""
    return {
        quantity: {framework: [measure(run) for run in found] for framework, found in runs.items()}
        for quantity, measure in QUANTITIES.items()
    }


def compare_values(values: Values, settings: Settings) -> tuple[Comparison, ...]:
    """What may be said of each quantity."""
    margin = DATA_SETS[settings.data].margin if settings.margin is None else settings.margin
    return tuple(
        Comparison(
            quantity=quantity,
            ours=Sample.of(values[quantity]["ours"]),
            theirs=Sample.of(values[quantity]["theirs"]),
            margin=allowed,
            alpha=settings.alpha,
        )
        for quantity, allowed in zip(values, (margin, LOSS_MARGIN), strict=True)
    )


def _arrays(settings: Settings) -> Arrays:
    if settings.imdb_folder is None:
        return data.digits()
    return data.imdb(settings.imdb_folder, settings.examples)
