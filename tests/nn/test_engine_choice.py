"""The rule names the fastest engine that can run a layer, and says why."""

import importlib.util
from dataclasses import replace

import pytest
import torch

from birnn_lightning.nn.engines import Demand, choose_engine, waits
from birnn_lightning.nn.engines.choice import MANY_TOKENS
from birnn_lightning.nn.engines.fused import compilation
from birnn_lightning.nn.engines.native import obstacle
from birnn_lightning.nn.engines.triton import memory
from birnn_lightning.nn.specs import Recurrent
from tests.nn.samples import HIDDEN


def spec(**fields) -> Recurrent:
    return Recurrent(hidden_size=HIDDEN, **fields)


CELLS = [
    pytest.param(spec(cell="rnn"), id="rnn"),
    pytest.param(spec(cell="lstm"), id="lstm"),
    pytest.param(spec(cell="gru"), id="gru"),
    pytest.param(spec(cell="gru", reset_after=False), id="gru reset before"),
    pytest.param(spec(cell="lstm", recurrent_dropout=0.25), id="recurrent dropout"),
    pytest.param(spec(cell="gru", recurrent_activation="hard_sigmoid"), id="hard sigmoid"),
]
OBSTACLES = [
    pytest.param(
        spec(cell="lstm", activation="relu"),
        "torch has no lstm kernel with activation 'relu'",
        id="activation",
    ),
    pytest.param(
        spec(cell="rnn", activation="elu"),
        "torch has no rnn kernel with activation 'elu'",
        id="rnn activation",
    ),
    pytest.param(
        spec(cell="gru", recurrent_activation="hard_sigmoid"),
        "torch has no kernel with recurrent activation 'hard_sigmoid'",
        id="recurrent activation",
    ),
    pytest.param(
        spec(cell="gru", reset_after=False),
        "torch has no GRU kernel with reset_after=False",
        id="reset before",
    ),
]
TOGETHER = "both directions of a step are one product"
THROUGH = "a GPU kernel takes rows through all steps"
NO_COMPILER = "there is no compiled kernel (there is no C compiler)"


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "obstacle", lambda precision: None)


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "obstacle", lambda precision: "there is no C compiler")


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("spec", CELLS)
def test_a_cpu_has_one_engine_for_every_usual_cell(spec: Recurrent) -> None:
    assert choose_engine([spec]) == (
        "fused",
        "fused: a compiled kernel runs both directions at once.",
    )


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize(
    ("spec", "engine", "merit"),
    [
        (spec(cell="lstm"), "native", "torch's own kernel computes this cell exactly"),
        (spec(cell="gru"), "batched", "both directions of a step are one product"),
        (spec(cell="rnn"), "batched", "both directions of a step are one product"),
    ],
)
def test_without_a_compiler_another_engine_serves(spec: Recurrent, engine: str, merit: str) -> None:
    assert choose_engine([spec]) == (engine, f"{engine}: {merit}; {NO_COMPILER}.")


@pytest.mark.usefixtures("kernel")
def test_a_gpu_takes_cudnn_where_it_can() -> None:
    choice = choose_engine([spec(cell="lstm")], device="cuda")
    assert choice == ("native", "native: torch's own kernel computes this cell exactly.")


@pytest.mark.parametrize(("obstructed", "reason"), OBSTACLES)
def test_a_gpu_takes_triton_where_cudnn_cannot(
    obstructed: Recurrent, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert obstacle(obstructed, training=False) == reason
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    choice = choose_engine([spec(cell="gru"), obstructed], device="cuda")
    if {obstructed.activation, obstructed.recurrent_activation} & {"elu"}:
        reasons = f"{reason}; the Triton kernels have no activation 'elu'"
        assert choice.reason == f"batched: {TOGETHER}; {reasons}."
    else:
        assert choice.reason == f"triton: {THROUGH}; {reason}."
    assert choice.reason.startswith(choice.name)


@pytest.mark.parametrize(("obstructed", "reason"), OBSTACLES)
def test_without_triton_a_gpu_takes_the_product_of_both_directions(
    obstructed: Recurrent, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    choice = choose_engine([obstructed], device="cuda")
    assert choice.name == "batched"
    assert "triton is not installed" in choice.reason or obstructed.activation == "elu"


PACKED = [
    pytest.param(spec(cell="rnn", activation="relu"), False, id="relu"),
    pytest.param(spec(cell="lstm"), True, id="memory"),
]


@pytest.mark.parametrize(("packed", "wants_memory"), PACKED)
def test_what_cudnn_would_have_to_pack_runs_on_triton(
    packed: Recurrent, wants_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)

    def name(spec: Recurrent, masked: bool, wants_memory: bool) -> str:
        demand = Demand(masked=masked, wants_memory=wants_memory)
        return choose_engine([spec], device="cuda", demand=demand).name

    assert name(packed, True, wants_memory) == "triton"
    assert name(packed, False, wants_memory) == "native"
    assert name(replace(packed, hidden_size=256), True, wants_memory) == "native"
    assert name(spec(cell="lstm"), True, False) == "native"
    assert name(spec(cell="gru"), True, True) == "native"


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_many_tokens_train_on_triton(cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(torch.backends.cudnn.rnn, "fp32_precision", "ieee")
    many = MANY_TOKENS[cell]

    def name(demand: Demand, device: str = "cuda", fields: dict | None = None, **options) -> str:
        layer = Recurrent(cell=cell, **{"hidden_size": 64, **(fields or {})})
        return choose_engine([layer], device=device, demand=demand, **options).name

    assert name(Demand(many)) == "triton"
    assert name(Demand(many - 1)) == "native"
    assert name(Demand(many), fields={"hidden_size": 65}) == "native"
    assert name(Demand(many), fields={"use_bias": False}) == "native"
    assert name(Demand(many), training=False) == "native"
    assert name(Demand(many), dtype=torch.float64) == "native"
    assert name(Demand(many), device="cpu") != "triton"
    assert name(Demand(many), device="xpu") == "native"
    with monkeypatch.context() as patch:
        patch.setattr(memory, "shared_bytes", lambda device: 99 * 1024)  # an RTX 4090's
        assert name(Demand(many)) == ("triton" if cell == "rnn" else "native")
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.cudnn.rnn, "fp32_precision", "tf32")
        assert name(Demand(many)) == ("triton" if cell == "gru" else "native")
    with monkeypatch.context() as patch:
        patch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
        assert name(Demand(many)) == "native"
    with monkeypatch.context() as patch:
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        assert name(Demand(many)) == "native"
    of_a_derivative: list[str] = []

    def loss(x: torch.Tensor) -> torch.Tensor:
        of_a_derivative.append(name(Demand(many)))
        return x

    torch.func.grad(loss)(torch.tensor(1.0))
    assert of_a_derivative == ["native"]


@pytest.mark.parametrize(
    ("name", "fields", "wants_memory", "waiting"),
    [
        ("native", {"cell": "lstm"}, False, False),
        ("native", {"cell": "lstm"}, True, True),
        ("native", {"cell": "gru"}, True, False),
        ("native", {"cell": "rnn", "activation": "relu"}, False, True),
        ("triton", {"cell": "lstm"}, True, False),
        ("batched", {"cell": "gru"}, False, True),
        ("scan", {"cell": "gru"}, False, False),
    ],
)
def test_which_masked_passes_wait_for_the_lengths(
    name: str, fields: dict, wants_memory: bool, waiting: bool
) -> None:
    assert (waits(name, [spec(**fields)], wants_memory) is not None) is waiting


@pytest.mark.usefixtures("kernel")
def test_an_activation_across_units_is_for_scan() -> None:
    choice = choose_engine([spec(cell="rnn", activation="softmax")])
    assert choice.name == "scan"
    assert "the compiled kernel has no activation 'softmax'" in choice.reason


@pytest.mark.parametrize(("obstructed", "reason"), OBSTACLES)
def test_an_impossible_request_is_refused(obstructed: Recurrent, reason: str) -> None:
    with pytest.raises(ValueError, match="cannot run") as refusal:
        choose_engine([obstructed], "native")
    assert str(refusal.value) == (
        f"engine 'native' cannot run this layer: {reason}. Use 'auto' or 'scan'."
    )


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("cpu", NO_COMPILER),
        ("cuda", "the compiled kernel is for the CPU; the layer is on 'cuda'"),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_the_compiled_kernel_is_refused_where_it_is_not(device: str, reason: str) -> None:
    with pytest.raises(ValueError, match="cannot run") as refusal:
        choose_engine([spec(cell="gru")], "fused", device=device)
    assert str(refusal.value) == (
        f"engine 'fused' cannot run this layer: {reason}. Use 'auto' or 'scan'."
    )


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", ["fused", "native", "batched", "scan"])
def test_a_possible_request_is_followed(name: str) -> None:
    assert choose_engine([spec(cell="gru")], name) == (name, f"{name}: as requested.")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^engine must be one of auto, fused, native, triton, batched, scan.*; got 'cudnn'",
    ):
        choose_engine([spec(cell="gru")], "cudnn")


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_recurrent_dropout_keeps_cudnn_away_in_training_alone(
    cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropping = spec(cell=cell, recurrent_dropout=0.25)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert choose_engine([dropping], training=True, device="cuda").name == "triton"
    assert choose_engine([dropping], training=False, device="cuda").name == "native"
    dropping = replace(dropping, recurrent_dropout=0.0, dropout=0.25)
    assert choose_engine([dropping], training=True, device="cuda").name == "native"
