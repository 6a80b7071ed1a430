"""Our recurrent layer returns what the oracle does, whichever engine runs it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, RecurrentLayer
from birnn_lightning.nn.specs import Bidirectional, MergeMode, Recurrent, RecurrentStack
from parity.layout import layer_rows, torch_arrays
from parity.oracle.cells import GATES, Factor
from parity.oracle.layer import compute
from tests.parity.recurrent_samples import (
    BATCH,
    HIDDEN,
    INPUT,
    MASK,
    OTHER_HIDDEN,
    TIME,
    Array,
    Directed,
    Spec,
    features,
    states,
    weights,
)

TOLERANCE = 1e-12  # float64: other orders of the same sums, of numbers about 1


def cell(name: str, hidden_size: int = HIDDEN, **fields) -> Recurrent:
    return Recurrent(cell=name, hidden_size=hidden_size, **fields)  # type: ignore[arg-type]


DIRECTED = {
    "rnn": cell("rnn"),
    "rnn relu": cell("rnn", activation="relu"),
    "lstm": cell("lstm"),
    "lstm no bias": cell("lstm", use_bias=False),
    "lstm hard": cell("lstm", activation="softsign", recurrent_activation="hard_sigmoid"),
    "gru": cell("gru"),
    "gru no bias": cell("gru", use_bias=False),
    "gru before": cell("gru", reset_after=False),
    "stack of lstm": RecurrentStack(cells=(cell("lstm"), cell("lstm", OTHER_HIDDEN))),
    "stack of three": RecurrentStack(cells=(cell("gru"), cell("lstm", OTHER_HIDDEN), cell("rnn"))),
}
CASES = [pytest.param(spec, id=name) for name, spec in DIRECTED.items()]
WITH_MASK = pytest.mark.parametrize(
    "mask", [pytest.param(None, id="no mask"), pytest.param(MASK, id="mask")]
)
SEQUENCES = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
WITH_ENGINE = pytest.mark.parametrize("engine", ["auto", "scan"])


def our_layer(spec: Spec, engine: str) -> RecurrentLayer:
    """The layer in float64 with the weights of `recurrent_samples.weights`."""
    layer = RecurrentLayer(spec, (TIME, INPUT)).double().eval()
    rows = layer_rows(spec, "theirs", "ours")
    arrays = torch_arrays(rows, {f"theirs/{path}": one for path, one in weights(spec).items()})
    tensors = {name.removeprefix("ours."): torch.from_numpy(one) for name, one in arrays.items()}
    layer.load_state_dict({**layer.state_dict(), **tensors})
    layer.requested_engine = engine
    return layer


@torch.no_grad()
def by_ours(layer: RecurrentLayer, mask: Array | None, initial: Sequence[Array]) -> list[Masked]:
    valid = None if mask is None else torch.from_numpy(mask)
    given = [Masked(torch.from_numpy(state)) for state in initial]
    returned = layer(Masked(torch.from_numpy(features()), valid), *given)
    return [returned] if isinstance(returned, Masked) else list(returned)


def assert_equal_to_oracle(
    spec: Spec, mask: Array | None, engine: str, initial: Sequence[Array], **training: Any
) -> None:
    layer = our_layer(spec, engine)
    if training:
        layer.train()
        layer.noise = training["noise"]
    ours = by_ours(layer, mask, initial)
    expected = compute(
        spec, weights(spec), features(), mask, initial or None, training.get("dropout")
    )
    for one, reference in zip(ours, (*expected.outputs, *expected.states), strict=True):
        assert one.values.shape == reference.shape
        np.testing.assert_allclose(one.values.numpy(), reference, rtol=0, atol=TOLERANCE)
    masks = [one.mask if one.mask is None else one.mask.tolist() for one in ours]
    mask_of_outputs = None if expected.mask is None else expected.mask.tolist()
    assert masks == [mask_of_outputs] * len(expected.outputs) + [None] * len(expected.states)


@WITH_ENGINE
@SEQUENCES
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize(
    ("mask", "zeroed"),
    [
        pytest.param(None, False, id="no mask"),
        pytest.param(MASK, False, id="carried"),
        pytest.param(MASK, True, id="zeroed"),
    ],
)
@pytest.mark.parametrize("spec", CASES)
def test_one_direction(
    spec: Directed,
    mask: Array | None,
    zeroed: bool,
    backwards: bool,
    sequences: bool,
    engine: str,
) -> None:
    spec = replace(
        spec,
        return_sequences=sequences,
        return_state=True,
        go_backwards=backwards,
        zero_output_for_mask=zeroed,
    )
    assert_equal_to_oracle(spec, mask, engine, states(spec))


PAIRS = [
    *(pytest.param(spec, spec, id=name) for name, spec in DIRECTED.items()),
    pytest.param(cell("lstm"), cell("gru", use_bias=False), id="lstm, gru"),
    pytest.param(DIRECTED["stack of lstm"], cell("rnn", OTHER_HIDDEN), id="stack, rnn"),
]


@WITH_ENGINE
@SEQUENCES
@WITH_MASK
@pytest.mark.parametrize("turned", [False, True], ids=["usual", "forward goes backwards"])
@pytest.mark.parametrize(("forward", "backward"), PAIRS)
def test_bidirectional(
    forward: Directed,
    backward: Directed,
    turned: bool,
    mask: Array | None,
    sequences: bool,
    engine: str,
) -> None:
    common = {"return_sequences": sequences, "return_state": True}
    spec = Bidirectional(
        forward=replace(forward, go_backwards=turned, **common),
        backward=replace(backward, go_backwards=not turned, **common),
    )
    assert_equal_to_oracle(spec, mask, engine, states(spec))


@SEQUENCES
@WITH_MASK
@pytest.mark.parametrize("merge_mode", ["sum", "mul", "ave", None])
def test_merge_modes(merge_mode: MergeMode | None, mask: Array | None, sequences: bool) -> None:
    forward = cell("gru", return_sequences=sequences, return_state=True)
    spec = Bidirectional(forward=forward, merge_mode=merge_mode)
    assert_equal_to_oracle(spec, mask, "auto", [])


RATES = [
    pytest.param({"dropout": 0.3}, id="inputs"),
    pytest.param({"recurrent_dropout": 0.3}, id="recurrent"),
    pytest.param({"dropout": 0.3, "recurrent_dropout": 0.2}, id="both"),
]


def deviates(key: str, shape: tuple[int, ...]) -> Tensor:
    """The same numbers from U(0, 1) for the same key."""
    return torch.from_numpy(np.random.default_rng(list(key.encode())).uniform(size=shape))


def factors(spec: Bidirectional) -> dict[str, Factor]:
    """What the layer makes of `deviates`: 0 under the rate, and scaled up elsewhere."""
    found: dict[str, Factor] = {}
    for name, direction in zip(("forward", "backward"), spec.directions, strict=True):
        feature = INPUT
        for index, one in enumerate(direction.cells):
            sizes = {"inputs": feature, "recurrent": one.hidden_size}
            rates = {"inputs": one.dropout, "recurrent": one.recurrent_dropout}
            for kind in [kind for kind, rate in rates.items() if rate]:
                key, keep = f"{name}.{index}.{kind}", 1 - rates[kind]
                by_gate = {
                    gate: (
                        deviates(f"{key}.{gate}.dropout", (BATCH, sizes[kind])).numpy() >= 1 - keep
                    )
                    / keep
                    for gate in (GATES[one.cell] if one.recurrent_dropout else "*")
                }
                found[key] = by_gate if one.recurrent_dropout else by_gate["*"]
            feature = one.hidden_size
    return found


@WITH_MASK
@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("spec", CASES)
def test_dropout(spec: Directed, rates: dict[str, float], mask: Array | None) -> None:
    if isinstance(spec, Recurrent):
        spec = replace(spec, **rates)
    else:
        spec = replace(spec, cells=tuple(replace(one, **rates) for one in spec.cells))
    both = Bidirectional(forward=replace(spec, return_state=True, return_sequences=True))
    training = {"noise": deviates, "dropout": factors(both)}
    assert_equal_to_oracle(both, mask, "auto", [], **training)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_equal_to_oracle(both, mask, "auto", [], **{**training, "dropout": {}})


def test_both_engines_were_tried() -> None:
    names = [our_layer(cell("lstm"), engine).engine().name for engine in ("auto", "scan")]
    assert names[0] in ("fused", "native")
    assert names[1] == "scan"
