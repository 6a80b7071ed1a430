"""What a defect of Keras is expected to break, and what it is not."""

from typing import Any

from birnn_lightning.nn.specs import (
    Bidirectional,
    Dense,
    Input,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
)
from parity.suite.defects import expected_exception
from parity.suite.layer_cases import LayerCase

KEPT: dict[str, Any] = {"return_sequences": True, "return_state": True}


def case_of(*last: Node) -> LayerCase:
    """Directions of unlike depth and size, whose outputs Keras tells wrongly, then other nodes."""
    cells = (Recurrent(cell="rnn", hidden_size=3), Recurrent(cell="lstm", hidden_size=2))
    pair = Bidirectional(
        forward=RecurrentStack(cells=cells, **KEPT),
        backward=Recurrent(cell="rnn", hidden_size=2, go_backwards=True, **KEPT),
    )
    nodes = (Node(name="features", layer=Input(shape=(None, 5))), Node(name="pair", layer=pair))
    return LayerCase(name="unlike", spec=ModelSpec((*nodes, *last)))


def test_b12_a_state_of_another_shape_than_keras_tells_breaks_nothing() -> None:
    """A recurrent layer builds no weight for its initial states."""
    started = Recurrent(cell="rnn", hidden_size=2)
    taker = Node(name="taker", layer=started, inputs=("pair", "pair:4"))
    assert expected_exception(case_of(taker)) is None


def test_b12_weights_for_another_shape_than_keras_tells_break() -> None:
    taker = Node(name="taker", layer=Dense(units=7), inputs=("pair:4",))
    expected = expected_exception(case_of(taker))
    assert expected is not None
    assert expected[0].id == "B12"
