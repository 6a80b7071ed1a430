"""The oracle returns what a Keras layer returns: outputs, states and mask, setting by setting."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from birnn_lightning.nn.specs import Bidirectional, MergeMode, Recurrent, RecurrentStack
from parity.oracle.layer import Computed, compute
from tests.nn.samples import suited
from tests.parity.keras_layers_by_hand import keras_layer, nested
from tests.parity.recurrent_samples import (
    HIDDEN,
    MASK,
    OTHER_HIDDEN,
    Array,
    Directed,
    Spec,
    features,
    states,
    weights,
)

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: no reference to compare to")
pytestmark = pytest.mark.tensorflow

TOLERANCE = 1e-12  # float64: other orders of the same sums, of numbers about 1


def cell(name: str, hidden_size: int = HIDDEN, **fields) -> Recurrent:
    return Recurrent(cell=name, hidden_size=hidden_size, **fields)  # type: ignore[arg-type]


def theirs(spec: Spec, mask: Array | None, initial: list[Array] | None) -> Computed:
    """What Keras returns, in the oracle's words."""
    import keras

    layer = keras_layer(spec)
    layer.build(features().shape)
    layer.set_weights(list(weights(spec).values()))
    returned = layer(
        features(),
        mask=mask,
        initial_state=None if initial is None else nested(spec, initial),
    )
    masks = layer.compute_mask(features(), mask)
    flat = [np.asarray(part) for part in keras.tree.flatten(returned)]
    outputs = 2 if isinstance(spec, Bidirectional) and spec.merge_mode is None else 1
    first_mask, *_ = masks if isinstance(masks, list | tuple) else [masks]
    return Computed(outputs=tuple(flat[:outputs]), states=tuple(flat[outputs:]), mask=first_mask)


def assert_equal_to_keras(spec: Spec, mask: Array | None, initial: list[Array] | None) -> None:
    expected = theirs(spec, mask, initial)
    computed = compute(spec, weights(spec), features(), mask, initial)
    assert computed.mask is expected.mask
    pairs = zip(
        (*computed.outputs, *computed.states), (*expected.outputs, *expected.states), strict=True
    )
    for ours, reference in pairs:
        assert ours.shape == reference.shape
        np.testing.assert_allclose(ours, reference, rtol=0, atol=TOLERANCE)


CELLS = [
    pytest.param(cell("rnn"), id="rnn"),
    pytest.param(cell("lstm"), id="lstm"),
    pytest.param(cell("gru"), id="gru"),
    pytest.param(cell("gru", reset_after=False), id="gru before"),
]
DIRECTED = [
    *CELLS,
    pytest.param(
        RecurrentStack(cells=(cell("lstm"), cell("lstm", OTHER_HIDDEN))),
        id="stack of lstm",
    ),
    pytest.param(
        RecurrentStack(cells=(cell("gru"), cell("lstm", OTHER_HIDDEN), cell("rnn", 3))),
        id="stack of three",
    ),
]
WITH_MASK = [pytest.param(None, id="no mask"), pytest.param(MASK, id="mask")]
SEQUENCES = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
BACKWARDS = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


@SEQUENCES
@BACKWARDS
@pytest.mark.parametrize(
    ("mask", "zeroed"),
    [
        pytest.param(None, False, id="no mask"),
        pytest.param(MASK, False, id="carried"),
        pytest.param(MASK, True, id="zeroed"),
    ],
)
@pytest.mark.parametrize("spec", DIRECTED)
def test_one_direction(
    spec: Directed, mask: Array | None, zeroed: bool, backwards: bool, sequences: bool
) -> None:
    spec = replace(
        spec,
        return_sequences=sequences,
        return_state=True,
        go_backwards=backwards,
        zero_output_for_mask=zeroed,
    )
    assert_equal_to_keras(spec, mask, states(spec))


VARIANTS = [
    pytest.param({"use_bias": False}, id="no bias"),
    pytest.param({"activation": "relu", "recurrent_activation": "hard_sigmoid"}, id="relu"),
    pytest.param({"activation": "softsign", "recurrent_activation": "softmax"}, id="softsign"),
    pytest.param({"activation": "elu", "recurrent_activation": "tanh"}, id="elu"),
    pytest.param({"activation": "linear", "recurrent_activation": "softsign"}, id="linear"),
]


@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("fields", VARIANTS)
@pytest.mark.parametrize("spec", CELLS)
def test_variants(spec: Recurrent, fields: dict, mask: Array | None) -> None:
    fields = suited(spec.cell, fields)
    spec = replace(spec, **fields, return_state=True, return_sequences=True)
    assert_equal_to_keras(spec, mask, None)


PAIRS = [
    *(pytest.param(one.values[0], None, id=str(one.id)) for one in DIRECTED),
    pytest.param(
        cell("lstm"), cell("lstm", activation="relu", use_bias=False), id="backward of its own"
    ),
    pytest.param(cell("gru"), cell("rnn"), id="gru, rnn"),
]


@SEQUENCES
@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize(("forward", "backward"), PAIRS)
def test_bidirectional(
    forward: Directed, backward: Directed | None, mask: Array | None, sequences: bool
) -> None:
    spec = bidirectional(forward, backward, return_sequences=sequences)
    assert_equal_to_keras(spec, mask, states(spec))


@SEQUENCES
@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("merge_mode", ["sum", "mul", "ave", None])
@pytest.mark.parametrize("spec", [cell("rnn"), cell("lstm")], ids=["rnn", "lstm"])
def test_merge_modes(
    spec: Recurrent, merge_mode: MergeMode | None, mask: Array | None, sequences: bool
) -> None:
    both = bidirectional(spec, None, merge_mode, return_sequences=sequences)
    assert_equal_to_keras(both, mask, None)


def bidirectional(
    forward: Directed,
    backward: Directed | None,
    merge_mode: MergeMode | None = "concat",
    forward_goes_backwards: bool = False,
    **fields: Any,
) -> Bidirectional:
    return Bidirectional(
        forward=replace(forward, return_state=True, go_backwards=forward_goes_backwards, **fields),
        backward=replace(
            backward or forward,
            return_state=True,
            go_backwards=not forward_goes_backwards,
            **fields,
        ),
        merge_mode=merge_mode,
    )


@SEQUENCES
@pytest.mark.parametrize("mask", WITH_MASK)
@pytest.mark.parametrize("spec", CELLS)
def test_a_forward_layer_that_goes_backwards(
    spec: Recurrent, mask: Array | None, sequences: bool
) -> None:
    """Keras turns the second sequence around, whichever way the two go."""
    both = bidirectional(spec, None, forward_goes_backwards=True, return_sequences=sequences)
    assert_equal_to_keras(both, mask, states(both))


@SEQUENCES
def test_directions_of_other_sizes(sequences: bool) -> None:
    both = bidirectional(cell("lstm"), cell("lstm", OTHER_HIDDEN), return_sequences=sequences)
    assert_equal_to_keras(both, MASK, states(both))


def test_the_check_can_fail() -> None:
    """Between the two GRUs there is the place of the reset gate alone; biases would differ too."""
    spec = cell("gru", use_bias=False, return_state=True)
    expected = theirs(replace(spec, reset_after=False), MASK, None)
    computed = compute(spec, weights(spec), features(), MASK)
    assert np.abs(computed.output - expected.output).max() > 1e-3
