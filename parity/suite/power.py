"""Power: every known mistake is noticed, and the report of that can be printed again by anyone."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any
from unittest import mock

from tqdm import tqdm

from birnn_lightning.files import atomic_write
from birnn_lightning.nn import recurrent
from birnn_lightning.nn.engines import EngineChoice
from parity.layout import keras_arrays, rows
from parity.report.machine import json_number
from parity.report.terminal import aligned
from parity.report.wording import number
from parity.results import ParityReport, ParityRow
from parity.suite import case_runs
from parity.suite.layer_cases import LayerCase
from parity.suite.mutants import MUTANTS, Mutant
from parity.suite.runner import AnyCase, run_case

JSON_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Catch:
    """What the suite said to one mutant.

    Attributes:
        mutant: its name.
        change: what it computes instead.
        case: the case that was run.
        caught: whether the case fails with the mutant, and only with it.
        place: what differs first, e.g. ``"layer 'recurrent', final state h, backward"``.
        max_difference: there, in float64.
        allowed: the bound on it.
        float32_times: how many times the float32 bound of outputs the mutant is; 0 where it leaves
            their values alone.
        detail: the whole of what the report says.
    """

    mutant: str
    change: str
    case: str
    caught: bool
    place: str
    max_difference: float
    allowed: float
    float32_times: float
    detail: str

    @property
    def times(self) -> float:
        """How many times the float64 bound the difference is; infinite where none is allowed."""
        return self.max_difference / self.allowed if self.allowed else float("inf")


def run_power(mutants: Sequence[Mutant]) -> list[Catch]:
    """Runs the case of each mutant without it, once, and with it."""
    sound: dict[str, ParityReport] = {}
    found = []
    with keras_runs_kept(), tqdm(mutants, disable=None, unit="mutant") as bar:
        for mutant in bar:
            case = lean(mutant.case)
            if case.name not in sound:
                sound[case.name] = run_case(case)
            found.append(catch(mutant, sound[case.name], run_mutant(mutant, case)))
    return found


def run_mutant(mutant: Mutant, case: AnyCase) -> ParityReport:
    """The report of a case with a mutant, on the engine that mutants change."""
    with mutant.patch(), mock.patch.object(recurrent, "choose_engine", scan_alone):
        return run_case(case)


def lean(case: AnyCase, dtypes: tuple[str, ...] = ("float32",)) -> AnyCase:
    """The case without what power does not need: bfloat16, and gradients in float32."""
    if isinstance(case, LayerCase):
        return replace(case, dtypes=dtypes, gradients="float64")
    return case


def catch(mutant: Mutant, sound: ParityReport, mistaken: ParityReport) -> Catch:
    """What a mutant's report amounts to, beside the report without it."""
    first = next((row for row in mistaken.rows if not row.passed), None)
    detail = first.detail if first else "Every comparison passes."
    if not sound.passed:
        detail = f"Without the mutant: {sound.failures[0].detail}" if sound.rows else "Nothing ran."
    return Catch(
        mutant=mutant.name,
        change=mutant.change,
        case=mutant.case.name,
        caught=sound.passed and first is not None,
        place=place_of(first) if first else "",
        max_difference=first.max_difference if first else 0.0,
        allowed=first.allowed if first else 0.0,
        float32_times=float32_times(mistaken) if mutant.margin else 0.0,
        detail=detail,
    )


def place_of(row: ParityRow) -> str:
    """What a failed row says differs first."""
    found = re.match(r"(?:In (batch \d+): )?(?:First in )?(.*?): ", row.detail)
    return ", ".join(part for part in found.groups() if part) if found else row.detail


def float32_times(report: ParityReport) -> float:
    """How many times the float32 bound of outputs is reached; 0 where there is no such row."""
    shares = [
        row.share()
        for row in report.rows
        if row.dtype == "float32" and row.compared.startswith("outputs")
    ]
    return max(shares, default=0.0)


def scan_alone(*_: Any) -> EngineChoice:
    """In place of `choose_engine`: mutants change the readable engine."""
    return EngineChoice("scan", "scan: mutants change it.")


@contextmanager
def keras_runs_kept() -> Iterator[None]:
    """Within, Keras runs a layer case once for the same weights: most mutants change our side."""
    kept: dict[tuple[str, str, bool, str], Any] = {}
    right = case_runs.run_theirs_on

    def run(case: LayerCase, model: Any, dtype: str, batches: Any, gradients: bool) -> Any:
        key = (case.name, dtype, gradients, weights_digest(case, model))
        if key not in kept:
            kept[key] = right(case, model, dtype, batches, gradients)
        return kept[key]

    with mock.patch.object(case_runs, "run_theirs_on", run):
        yield


def weights_digest(case: LayerCase, model: Any) -> str:
    """A hash of what the table makes of a model's weights."""
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    digest = hashlib.sha256()
    for path, array in keras_arrays(rows(case.spec), state).items():
        digest.update(path.encode() + array.tobytes())
    return digest.hexdigest()


def select(text: str | None) -> list[Mutant]:
    """The mutants whose name or case contains ``text``; all of them for None.

    Raises:
        ValueError: there is none.
    """
    wanted = [
        mutant
        for mutant in MUTANTS.values()
        if text is None or text in mutant.name or text in mutant.case.name
    ]
    if not wanted:
        raise ValueError(f"no mutant has {text!r} in its name or in that of its case.")
    return wanted


def power_table(found: Sequence[Catch]) -> str:
    """A line a mutant, each one that was not caught with its reason beneath, the count last."""
    header = ("mutant", "case", "differs first", "max |diff|", "float64", "float32")
    lines = [header, *(_cells(one) for one in found)]
    first, rule, *body = aligned(lines, numbers=3)
    text = [first, rule]
    for line, one in zip(body, found, strict=True):
        text.append(line)
        if not one.caught:
            text.append(f"  NOT CAUGHT: {one.change}. {one.detail}")
    text += ["", "float64, float32: how many times what rounding explains.", summary(found)]
    return "\n".join(text)


def summary(found: Sequence[Catch]) -> str:
    """``"N mutants, N caught"``, and how near to rounding the smallest one is."""
    counts = f"{len(found)} mutants, {sum(one.caught for one in found)} caught"
    times = [one.float32_times for one in found if one.float32_times]
    if not times:
        return counts
    return f"{counts}; in float32 each is at least {min(times):.0f} times what rounding explains"


def _cells(one: Catch) -> tuple[str, ...]:
    float32 = number(one.float32_times) if one.float32_times else "-"
    times = number(one.times) if one.place else "-"
    return (one.mutant, one.case, one.place, number(one.max_difference), times, float32)


def write_power(path: str | os.PathLike[str], found: Sequence[Catch]) -> None:
    """Writes the report as strict JSON, atomically; numbers as in `parity.report.write_json`."""
    document = {
        "schema": JSON_SCHEMA,
        "mutants": len(found),
        "caught": sum(one.caught for one in found),
        "rows": [
            {
                name: json_number(value) if isinstance(value, float) else value
                for name, value in asdict(one).items()
            }
            for one in found
        ],
    }
    atomic_write(path, json.dumps(document, indent=2, allow_nan=False) + "\n")
