"""The oracle against arithmetic by hand, and against the laws that every recurrence obeys."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import parity.oracle.cells
import parity.oracle.layer
from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack
from parity.oracle.layer import MERGES, Computed, compute
from tests.parity.recurrent_samples import (
    BATCH,
    HIDDEN,
    MASK,
    OTHER_HIDDEN,
    TIME,
    Array,
    Directed,
    Spec,
    features,
    mask_of,
    states,
    weights,
)

TOLERANCE = 1e-13  # other orders of the same sums, of numbers about 1

LINEAR = {"activation": "linear", "recurrent_activation": "linear", "hidden_size": 1}


def cell(name: str, **fields) -> Recurrent:
    return Recurrent(**{"cell": name, "hidden_size": HIDDEN, **fields})


RNN, LSTM, GRU = cell("rnn"), cell("lstm"), cell("gru")
GRU_BEFORE = cell("gru", reset_after=False)
STACK = RecurrentStack(cells=(LSTM, cell("gru", hidden_size=OTHER_HIDDEN)))
EVERY_CELL = [
    pytest.param(RNN, id="rnn"),
    pytest.param(LSTM, id="lstm"),
    pytest.param(GRU, id="gru"),
    pytest.param(GRU_BEFORE, id="gru reset before"),
    pytest.param(STACK, id="stack"),
]
WITH_MASK = [pytest.param(None, id="no mask"), pytest.param(MASK, id="mask")]


def run(spec: Spec, mask: Array | None = None, inputs: Array | None = None, **more) -> Computed:
    arrays = more.pop("arrays", None) or weights(spec)
    return compute(spec, arrays, features() if inputs is None else inputs, mask, **more)


def assert_same(ours: Computed, theirs: Computed) -> None:
    pairs = zip((*ours.outputs, *ours.states), (*theirs.outputs, *theirs.states), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)


def test_rnn_by_hand() -> None:
    arrays = {"cell/kernel": [[2]], "cell/recurrent_kernel": [[3]], "cell/bias": [5]}
    spec = cell("rnn", activation="linear", hidden_size=1, return_sequences=True)
    # 2*7+3*1+5 = 22; 2*11+3*22+5 = 93
    computed = compute(spec, arrays, [[[7], [11]]], None, [[[1]]])
    assert computed.output.tolist() == [[[22], [93]]]
    assert [state.tolist() for state in computed.states] == [[[93]]]


def test_lstm_by_hand() -> None:
    arrays = {
        "cell/kernel": [[2, 3, 5, 7]],
        "cell/recurrent_kernel": [[1, -1, 2, -2]],
        "cell/bias": [1, 2, 3, 4],
    }
    # x = 1, h = 2, c = 3: i = 2+2+1, f = 3-2+2, g = 5+4+3, o = 7-4+4; c' = 3*3+5*12 = 69
    computed = compute(cell("lstm", **LINEAR), arrays, [[[1]]], None, [[[2]], [[3]]])
    assert computed.output.tolist() == [[7 * 69]]
    assert [state.tolist() for state in computed.states] == [[[7 * 69]], [[69]]]


@pytest.mark.parametrize(
    ("reset_after", "bias", "expected"),
    [
        # x = 1, h = 2, columns z r n: z = 2+2+1 = 5, r = 3+4+2 = 9, the rest is n
        pytest.param(True, [[1, 1, 3], [0, 1, 4]], 5 * 2 - 4 * (5 + 3 + 9 * (6 + 4)), id="after"),
        pytest.param(False, [1, 2, 3], 5 * 2 - 4 * (5 + 3 + 9 * 2 * 3), id="before"),
    ],
)
def test_gru_by_hand(reset_after: bool, bias: list, expected: int) -> None:
    arrays = {
        "cell/kernel": [[2, 3, 5]],
        "cell/recurrent_kernel": [[1, 2, 3]],
        "cell/bias": bias,
    }
    spec = cell("gru", **LINEAR, reset_after=reset_after)
    assert compute(spec, arrays, [[[1]]], None, [[[2]]]).output.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # h' = x + 10 h, from h = 1, on x = 2 3 4 5 6 masked .x.x.
        pytest.param({}, [0, 13, 13, 135, 135], id="carried"),
        pytest.param({"zero_output_for_mask": True}, [0, 13, 0, 135, 0], id="zeroed"),
        pytest.param({"go_backwards": True}, [0, 15, 15, 153, 153], id="backwards"),
        pytest.param(
            {"go_backwards": True, "zero_output_for_mask": True}, [0, 15, 0, 153, 0], id="both"
        ),
    ],
)
def test_masked_steps_by_hand(fields: dict, expected: list[int]) -> None:
    arrays = {"cell/kernel": [[1]], "cell/recurrent_kernel": [[10]]}
    inputs, mask = [[[2], [3], [4], [5], [6]]], mask_of(".x.x.")
    spec = cell(
        "rnn", activation="linear", hidden_size=1, use_bias=False, return_sequences=True, **fields
    )
    computed = compute(spec, arrays, inputs, mask, [[[1]]])
    assert computed.output[0, :, 0].tolist() == expected
    assert computed.states[0].item() == max(expected)
    assert computed.mask is mask
    last = compute(replace(spec, return_sequences=False), arrays, inputs, mask, [[[1]]])
    assert last.output.item() == expected[-1]
    assert last.mask is None


@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("spec", EVERY_CELL)
def test_a_mask_equals_dropping_the_masked_steps(spec: Directed, mask: Array | None) -> None:
    initial = states(spec)
    whole = run(replace(spec, return_sequences=True), mask, initial_states=initial)
    for row, valid in enumerate(np.ones((BATCH, TIME), bool) if mask is None else mask):
        own = [state[row : row + 1] for state in initial]
        if not valid.any():
            assert not whole.output[row].any()
            assert all(
                (state[row] == one).all() for state, one in zip(whole.states, own, strict=True)
            )
            continue
        short = run(
            replace(spec, return_sequences=True),
            inputs=features()[row : row + 1, valid],
            initial_states=own,
        )
        np.testing.assert_allclose(
            whole.output[row][valid], short.output[0], rtol=0, atol=TOLERANCE
        )
        for state, other in zip(whole.states, short.states, strict=True):
            np.testing.assert_allclose(state[row], other[0], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("spec", EVERY_CELL)
def test_backwards_is_forwards_on_reversed_input(spec: Directed, mask: Array | None) -> None:
    spec = replace(spec, return_sequences=True)
    backwards = run(replace(spec, go_backwards=True), mask)
    forwards = run(spec, None if mask is None else mask[:, ::-1], features()[:, ::-1])
    assert_same(backwards, forwards)
    assert backwards.mask is mask


@pytest.mark.parametrize("spec", EVERY_CELL)
def test_states_carry_a_sequence_over_a_cut(spec: Directed) -> None:
    spec = replace(spec, return_sequences=True)
    whole = run(spec)
    first = run(spec, inputs=features()[:, :4])
    second = run(spec, inputs=features()[:, 4:], initial_states=first.states)
    joined = np.concatenate([first.output, second.output], axis=1)
    assert_same(whole, replace(second, outputs=(joined,)))


def test_a_stack_is_a_chain_of_layers() -> None:
    first, second = (replace(one, return_sequences=True) for one in STACK.cells)
    arrays = weights(STACK)

    def own(index: int) -> dict[str, Array]:
        prefix = f"cell/cells/{index}/"
        return {
            f"cell/{path.removeprefix(prefix)}": array
            for path, array in arrays.items()
            if path.startswith(prefix)
        }

    below = compute(first, own(0), features())
    above = compute(second, own(1), below.output)
    stack = run(replace(STACK, return_sequences=True), arrays=arrays)
    assert_same(stack, replace(above, states=(*below.states, *above.states)))


@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize("merge_mode", [*MERGES, None])
def test_bidirectional_merges_two_layers(merge_mode, sequences: bool, mask: Array | None) -> None:
    forward = cell("lstm", return_sequences=sequences)
    backward = cell("gru", return_sequences=sequences, go_backwards=True)
    spec = Bidirectional(forward=forward, backward=backward, merge_mode=merge_mode)
    arrays, initial = weights(spec), states(spec)
    sides = [
        compute(
            direction,
            {path.split("/", 1)[1]: array for path, array in arrays.items() if name in path},
            features(),
            mask,
            initial[part],
        )
        for direction, name, part in zip(
            spec.directions,
            ("forward_layer", "backward_layer"),
            (slice(2), slice(2, 3)),
            strict=True,
        )
    ]
    pair = sides[0].output, sides[1].output[:, ::-1] if sequences else sides[1].output
    expected = Computed(
        outputs=(MERGES[merge_mode](*pair),) if merge_mode else pair,
        states=(*sides[0].states, *sides[1].states),
        mask=mask,
    )
    assert_same(run(spec, mask, initial_states=initial), expected)


def test_merges() -> None:
    forward, backward = np.array([[2.0, 3.0]]), np.array([[5.0, 11.0]])
    merged = {mode: merge(forward, backward).tolist() for mode, merge in MERGES.items()}
    assert merged == {
        "concat": [[2, 3, 5, 11]],
        "sum": [[7, 14]],
        "mul": [[10, 33]],
        "ave": [[3.5, 7]],
    }


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_missing_weight(name: str) -> None:
    arrays = weights(cell(name))
    del arrays["cell/recurrent_kernel"]
    with pytest.raises(KeyError, match="cell/recurrent_kernel"):
        run(cell(name), arrays=arrays)


def test_wrong_number_of_states() -> None:
    with pytest.raises(ValueError, match=r"^initial_states must hold 3 arrays; got 2\.$"):
        run(STACK, initial_states=states(LSTM))


def swap_gates(arrays: dict[str, Array]) -> dict[str, Array]:
    order = np.arange(arrays["cell/kernel"].shape[-1]).reshape(-1, HIDDEN)
    order = order[[1, 0, *range(2, len(order))]].ravel()
    return {path: array[..., order] for path, array in arrays.items()}


def reverse_bias_rows(arrays: dict[str, Array]) -> dict[str, Array]:
    return arrays | {"cell/bias": arrays["cell/bias"][::-1]}


def transpose_recurrent(arrays: dict[str, Array]) -> dict[str, Array]:
    blocks = np.split(arrays["cell/recurrent_kernel"], arrays["cell/kernel"].shape[1] // HIDDEN, 1)
    return arrays | {"cell/recurrent_kernel": np.concatenate([block.T for block in blocks], 1)}


@pytest.mark.parametrize(
    ("spec", "mutate"),
    [
        pytest.param(RNN, transpose_recurrent, id="rnn transposed"),
        pytest.param(LSTM, swap_gates, id="lstm i and f swapped"),
        pytest.param(GRU, swap_gates, id="gru z and r swapped"),
        pytest.param(GRU, reverse_bias_rows, id="gru bias rows reversed"),
        pytest.param(GRU_BEFORE, swap_gates, id="gru reset before, swapped"),
    ],
)
def test_the_oracle_sees_mutants(spec: Recurrent, mutate) -> None:
    arrays = weights(spec)
    difference = run(spec, arrays=arrays).output - run(spec, arrays=mutate(arrays)).output
    assert np.abs(difference).max() > 1e-3


@pytest.mark.parametrize(
    "module", [parity.oracle.layer, parity.oracle.cells], ids=lambda m: m.__name__
)
def test_the_arithmetic_is_of_neither_framework(module) -> None:
    """Specs and NumPy alone: a fact that the oracle shared with a side it judges proved nothing."""
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported <= {
        "collections.abc",
        "dataclasses",
        "numpy",
        "numpy.typing",
        "birnn_lightning.nn.specs",
        "parity.oracle.activations",
        "parity.oracle.cells",
    }
