"""A difference is told in the words of the layer: tensor, direction, step, gates, table row."""

import numpy as np
import pytest

from birnn_lightning.nn.specs import Bidirectional, Recurrent
from parity.differences import (
    describe_mask,
    describe_output,
    describe_weight,
    distance,
    exceeds,
    largest_difference,
    tensor_name,
)
from parity.suite.choices import HIDDEN_SIZE, Choice

BATCH, TIME = 3, 7
CONCAT = Choice(cell="gru").build().spec
UNMERGED = Choice(cell="rnn", arrangement="unmerged").build().spec
FORWARD = Choice(cell="lstm", arrangement="forward").build().spec
STACKS = Choice(cell="lstm", arrangement="bidirectional stack").build().spec
LAST = Choice(cell="gru", outputs="last").build().spec


def described(spec, shape, *wrong, name="recurrent"):
    """What is said of zeros against ones at these positions."""
    ours, theirs = np.zeros(shape), np.zeros(shape)
    for position in wrong:
        theirs[position] = 1
    return describe_output(spec, name, ours, theirs, 1e-12)


SEQUENCE = (BATCH, TIME, 2 * HIDDEN_SIZE)


@pytest.mark.parametrize(
    ("spec", "shape", "wrong", "said"),
    [
        pytest.param(
            CONCAT,
            SEQUENCE,
            [(0, 5, 1), (2, 3, 4)],
            "output, forward direction first at time step 3: 0 is 1 in Keras at (2, 3, 4).",
            id="forward",
        ),
        pytest.param(
            CONCAT,
            SEQUENCE,
            [(0, 1, 6), (2, 4, 5)],
            "output, backward direction first at time step 4: 0 is 1 in Keras at (2, 4, 5).",
            id="backward, which reads from the end",
        ),
        pytest.param(
            CONCAT,
            SEQUENCE,
            [(0, 1, 6), (0, 2, 4), (0, 3, 4)],
            "output, forward and backward directions, first at time steps 2 and 1: 0 is 1 in "
            "Keras at (0, 2, 4).",
            id="both",
        ),
        pytest.param(
            LAST,
            (BATCH, 2 * HIDDEN_SIZE),
            [(1, 7)],
            "output, backward direction: 0 is 1 in Keras at (1, 7).",
            id="last output",
        ),
        pytest.param(
            FORWARD,
            (BATCH, TIME, HIDDEN_SIZE),
            [(0, 6, 0), (1, 2, 3)],
            "output, first at time step 2: 0 is 1 in Keras at (1, 2, 3).",
            id="one direction",
        ),
    ],
)
def test_outputs(spec, shape, wrong, said):
    text = described(spec, shape, *wrong)
    assert text.startswith(f"First in layer 'recurrent', {said} Table: layers.recurrent.weight_ih")


def test_the_second_of_two_outputs_is_read_from_the_end():
    shape = (BATCH, TIME, HIDDEN_SIZE)
    text = described(UNMERGED, shape, (0, 1, 0), (0, 5, 0), name="recurrent:1")
    assert "output, backward, first at time step 5:" in text
    assert "first at time step 1:" in described(UNMERGED, shape, (0, 1, 0), (0, 5, 0))


def test_a_state_and_a_shape():
    text = described(CONCAT, (BATCH, HIDDEN_SIZE), (2, 3), name="recurrent:2")
    assert "layer 'recurrent', final state h, backward: 0 is 1 in Keras at (2, 3)." in text
    text = describe_output(CONCAT, "recurrent", np.zeros((2, 3)), np.zeros((2, 5)), 1)
    assert "output: shapes (2, 3) and (2, 5) in Keras. Table: layers.recurrent" in text


def test_states_of_stacks_are_named_by_direction_and_cell():
    (layer,) = (node.layer for node in STACKS.nodes if node.name == "recurrent")
    assert [tensor_name(layer, index) for index in range(7)] == [
        "output",
        "final state h of cell 0, forward",
        "final state c of cell 0, forward",
        "final state h of cell 1, forward",
        "final state h of cell 0, backward",
        "final state c of cell 0, backward",
        "final state h of cell 1, backward",
    ]
    assert isinstance(layer, Bidirectional)
    assert tensor_name(Recurrent(cell="lstm", hidden_size=5), 2) == "final state c"


def test_gradients_name_their_gates_and_their_row():
    path = "recurrent/backward_layer/cell/kernel"
    ours, theirs = np.zeros((2, 3, 3 * HIDDEN_SIZE))
    theirs[1, 2 * HIDDEN_SIZE + 1] = 1
    text = describe_weight(CONCAT, "gradient", path, ours, theirs, 1e-12)
    assert text == (
        f"gradient of {path}, gate n: 0 is 1 in Keras at (1, 11). Table: "
        f"layers.recurrent.weight_ih_l0_reverse -> {path} (transposed, gates rzn -> zrn)."
    )
    theirs[0, 0] = np.nan
    text = describe_weight(CONCAT, "gradient", path, ours, theirs, 1e-12)
    assert ", gates z, n: 0 is nan in Keras at (0, 0)." in text


def test_the_gradient_of_an_input_has_neither():
    ours = np.zeros((2, 3))
    text = describe_weight(CONCAT, "gradient", "features", ours, ours + 1, 1e-12)
    assert text == "gradient of features: 0 is 1 in Keras at (0, 0)."
    text = describe_weight(CONCAT, "gradient", "features", ours, ours.T, 1e-12)
    assert text == "gradient of features: shapes (2, 3) and (3, 2) in Keras."


def test_masks():
    ours = np.ones((BATCH, TIME), bool)
    theirs = ours.copy()
    theirs[0, 5] = theirs[2, 3] = False
    text = describe_mask(CONCAT, "recurrent", ours, theirs)
    assert text == (
        "First in layer 'recurrent', mask of output, first at time step 3: True is False in Keras "
        "at (2, 3), where True means valid."
    )
    assert "mask of output: ours has none, Keras has one." in describe_mask(
        CONCAT, "recurrent", None, theirs
    )
    assert "mask of output: Keras has none, ours has one." in describe_mask(
        CONCAT, "recurrent", ours, None
    )
    assert "shapes (3, 7) and (7, 3) in Keras" in describe_mask(CONCAT, "recurrent", ours, ours.T)


def test_distances_of_what_is_not_a_number():
    first = np.array([np.nan, np.inf, 1.0, np.inf])
    second = np.array([np.nan, np.inf, 3.0, -np.inf])
    assert distance(first, second).tolist() == [0, 0, 2, np.inf]
    assert largest_difference(first[:3], second[:3]) == 2
    assert np.isnan(largest_difference(np.zeros(2), np.zeros(3)))
    assert np.isnan(largest_difference(np.zeros(2), np.array([0, np.nan])))
    assert exceeds(np.zeros(2), np.array([0, np.nan]), 1e9)
    assert not exceeds(np.zeros(2), np.ones(2), 1)
