"""Whatever model one draws, it computes what its Keras twin computes, or a known defect says why.

``pytest --hypothesis-profile=full`` compares thousands; otherwise the same few in every run.
"""

import json
from collections import Counter

import pytest
from hypothesis import event, given, settings

from birnn_lightning.nn.specs import Input, ModelSpec, Node, Recurrent
from parity.results import ParityReport, ParityRow
from parity.suite.defects import expected_exception, spoiling_defect
from parity.suite.layer_cases import LayerCase
from parity.suite.trial import run_trial
from tests.parity.conditioning import float64_decides
from tests.parity.model_strategies import layer_cases

pytestmark = [
    pytest.mark.tensorflow,
    # NumPy and Keras on numbers that overflow, which some activations do make.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    # Hypothesis finds a failing model too long to print; `reproduction` prints it.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
    # Keras advises against a softmax over one number, which one step or one feature makes.
    pytest.mark.filterwarnings("ignore:[\\s\\S]*a softmax over axis:UserWarning"),
]
pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")

WANTED = {"ci": 25, "full": 2000}
"""Different models that each profile compares."""
UNDECIDED = 0.01
"""The share of models that may be too chaotic for float64."""


def reproduction(case: LayerCase, report: ParityReport) -> str:
    """Three lines that show the failure again, and the failure."""
    return "\n".join(
        (
            "from parity.suite.layer_cases import LayerCase",
            "from parity.suite.trial import run_trial",
            f"print(run_trial(LayerCase.from_config({case.to_config()})).failures)",
            *(f"# {row.compared}, {row.dtype}: {row.detail}" for row in report.failures),
        )
    )


def check_case(case: LayerCase, seen: Counter[str]) -> None:
    """Compares one case, and counts it under what became of it."""
    if (spoiling := spoiling_defect(case)) is not None:
        seen[f"left out: defect {spoiling.id}"] += 1
        return
    report = run_trial(case)
    if not report.passed:
        assert not float64_decides(case), reproduction(case, report)
        seen["float64 does not decide"] += 1
        return
    expected = expected_exception(case)
    if expected is not None:
        seen[f"raises: defect {expected[0].id}"] += 1
        return
    config = {name: value for name, value in case.to_config().items() if name != "name"}
    seen[json.dumps(config, sort_keys=True)] += 1


def test_random_models_agree() -> None:
    seen: Counter[str] = Counter()

    @given(case=layer_cases())
    def compare(case: LayerCase) -> None:
        check_case(case, seen)
        event(f"recurrent layers: {sum('recurrent' in node.name for node in case.spec.nodes)}")

    compare()
    compared = [key for key in seen if key.startswith("{")]
    print(f"{len(compared)} models; { ({k: n for k, n in seen.items() if k not in compared}) }")
    assert len(compared) >= WANTED[settings.get_current_profile_name()]
    assert seen["float64 does not decide"] <= UNDECIDED * len(compared) + 1


@given(case=layer_cases())
def test_a_random_case_is_data(case: LayerCase) -> None:
    again = LayerCase.from_config(json.loads(json.dumps(case.to_config())))
    assert again == case
    assert again.to_config() == case.to_config()
    for ours, theirs in zip(again.inputs().arrays, case.inputs().arrays, strict=True):
        assert ours.tolist() == theirs.tolist()


PLAIN = ModelSpec(
    (
        Node(name="features", layer=Input(shape=(None, 3))),
        Node(name="recurrent", layer=Recurrent(cell="gru", hidden_size=5)),
    )
)


def failing(_: LayerCase) -> ParityReport:
    row = ParityRow(
        case="",
        compared="gradients",
        dtype="float64",
        max_difference=1,
        allowed=0,
        passed=False,
        detail="Here.",
    )
    return ParityReport((row,))


def test_a_failure_prints_its_reproduction(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(f"{__name__}.run_trial", failing)
    case = LayerCase(name="plain", spec=PLAIN)
    with pytest.raises(AssertionError, match=r"# gradients, float64: Here\.") as found:
        check_case(case, Counter())
    lines = [line.strip() for line in str(found.value).splitlines()[:3]]
    exec("\n".join(lines))
    assert capsys.readouterr().out == "()\n"
