"""python -m parity train: every optimiser, cell and setting trained in both frameworks."""

from tqdm import tqdm

from birnn_lightning.imports import import_without_collections
from parity.check import Outputs, publish
from parity.training.mutants import TRAINING_MUTANTS, causes_table, run_training_mutant
from parity.training.suite import (
    charts,
    markdown_table,
    run_training_suite,
    select,
    whole_report,
)

TABLE_NOTE = (
    "Largest relative difference of any weight, ours and Keras's; in float32 that of Keras's own "
    "float32 and float64 follows in brackets."
)


def train_suite(
    optimizer: str | None, cell: str | None, steps: int, jobs: int, outputs: Outputs
) -> bool:
    """Prints the comparisons and the table of optimisers and cells; whether all agree."""
    cases = select(optimizer, cell)
    import_without_collections("parity.keras_model")  # fails once and here, not in every process
    results = run_training_suite(cases, steps, jobs)
    report = whole_report(results)
    publish(report, outputs, figures=charts(results))
    print(f"\n{TABLE_NOTE}\n\n{markdown_table(results, steps)}")
    return report.passed


def train_causes() -> bool:
    """Prints what the check says to each known cause of divergence; whether it names them all."""
    found = [run_training_mutant(one) for one in tqdm(TRAINING_MUTANTS, disable=None, unit="cause")]
    print(causes_table(found))
    for one in found:
        if not one.named:
            print(f"\n{one.mutant.cause}: {one.detail or 'every comparison passes.'}")
    return all(one.named for one in found)
