"""A comparison over seeds reads the same on a terminal, to a program, and in a browser."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from birnn_lightning.files import atomic_write
from parity.accuracy.experiment import Experiment
from parity.accuracy.statistics import Comparison
from parity.accuracy.trials import Runs
from parity.report.machine import json_number
from parity.report.terminal import aligned
from parity.report.wording import metric

JSON_SCHEMA = 1


def table(comparisons: Sequence[Comparison]) -> str:
    """A line a quantity, then what each line means; the last line is the verdict on the first."""
    header = (
        "quantity",
        "ours (s)",
        "theirs (s)",
        "difference",
        "95% interval",
        "90% interval",
        "margin",
        "p different",
        "p equivalent",
    )
    lines = aligned([header, *(_cells(one) for one in comparisons)], numbers=8)
    return "\n".join([*lines, "", *(sentence(one) for one in comparisons)])


def _cells(one: Comparison) -> tuple[str, ...]:
    return (
        one.quantity,
        *(f"{metric(part.mean)} ({metric(part.deviation)})" for part in (one.ours, one.theirs)),
        f"{one.difference:+.4f}",
        *("{:+.3f} to {:+.3f}".format(*one.interval(share)) for share in (0.95, 0.9)),
        f"±{one.margin:g}",
        f"{one.p_difference:.2g}",
        f"{one.p_equivalence:.2g}",
    )


def sentence(one: Comparison) -> str:
    """The verdict on one quantity in words."""
    within = f"{one.quantity}: equivalent within ±{one.margin:g}"
    counts = f"{one.ours.count} and {one.theirs.count} runs"
    match one.verdict:
        case "equivalent":
            return f"{within} (TOST p = {one.p_equivalence:.2g}, {counts})."
        case "different":
            return (
                f"{one.quantity}: different by {one.difference:+.3g} "
                f"(Welch p = {one.p_difference:.2g}, {counts})."
            )
    needed = one.runs_needed()
    advice = (
        "the values do not vary, or are not finite"
        if needed is None
        else f"equal frameworks would need about {needed} seeds to be found equivalent within "
        f"±{one.margin:g} nine times in ten"
    )
    return f"{one.quantity}: undecided after {counts}: {advice}."


def write_json(
    path: str | os.PathLike[str],
    experiment: Experiment,
    runs: Runs,
    comparisons: Sequence[Comparison],
    facts: dict[str, str],
) -> None:
    """Writes the settings, every run and every number of the table as strict JSON, atomically."""
    document = {
        "schema": JSON_SCHEMA,
        "facts": facts,
        "experiment": experiment.to_config(),
        "comparisons": [_numbers(one) for one in comparisons],
        "runs": {
            framework: [_finite(asdict(run)) for run in runs[framework]] for framework in runs
        },
    }
    atomic_write(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def _numbers(one: Comparison) -> dict[str, Any]:
    return {
        **_finite(
            {
                "difference": one.difference,
                "standard_error": one.error,
                "degrees_of_freedom": one.freedom,
                "p_difference": one.p_difference,
                "p_equivalence": one.p_equivalence,
                "margin": one.margin,
                "alpha": one.alpha,
            }
        ),
        "quantity": one.quantity,
        "ours": _finite(asdict(one.ours)),
        "theirs": _finite(asdict(one.theirs)),
        "interval_95": [json_number(end) for end in one.interval(0.95)],
        "interval_90": [json_number(end) for end in one.interval(0.9)],
        "verdict": one.verdict,
        "runs_needed": one.runs_needed(),
    }


def _finite(values: dict[str, float]) -> dict[str, Any]:
    return {name: json_number(value) for name, value in values.items()}
