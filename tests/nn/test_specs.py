"""Specs refuse what cannot be, and become primitives and back."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.specs import (
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Input,
    LayerSpec,
    Node,
    Recurrent,
    RecurrentStack,
    RepeatVector,
    Spec,
    spec_from_config,
)
from birnn_lightning.nn.specs.initializers import INITIALIZERS
from tests.nn.samples import HIDDEN, INPUT, OTHER_HIDDEN, TIME

LSTM = Recurrent(cell="lstm", hidden_size=HIDDEN)
ACTIVATION_NAMES = ", ".join(sorted(ACTIVATIONS))


def refused(message: str) -> Any:
    """Expects a ValueError of exactly this text."""
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


def recurrent(**fields: Any) -> Recurrent:
    return Recurrent(**{"cell": "gru", "hidden_size": HIDDEN, **fields})


REFUSALS = [
    pytest.param(
        lambda: recurrent(cell="ltsm"),
        "Recurrent: cell must be one of ('rnn', 'lstm', 'gru'); got 'ltsm'.",
        id="cell",
    ),
    pytest.param(
        lambda: recurrent(hidden_size=0),
        "Recurrent: hidden_size must be an integer of at least 1; got 0.",
        id="hidden_size",
    ),
    pytest.param(
        lambda: recurrent(activation="thanh"),
        f"Recurrent: activation must be one of {ACTIVATION_NAMES}; got 'thanh'.",
        id="activation",
    ),
    pytest.param(
        lambda: recurrent(recurrent_activation="hard"),
        f"Recurrent: recurrent_activation must be one of {ACTIVATION_NAMES}; got 'hard'.",
        id="recurrent_activation",
    ),
    pytest.param(
        lambda: Dense(units=2.0),  # type: ignore[arg-type]
        "Dense: units must be an integer of at least 1; got 2.0.",
        id="units a float",
    ),
    pytest.param(
        lambda: Dense(units=True),
        "Dense: units must be an integer of at least 1; got True.",
        id="units a bool",
    ),
    pytest.param(
        lambda: Dense(units=1, activation="Tanh"),
        f"Dense: activation must be one of {ACTIVATION_NAMES}; got 'Tanh'.",
        id="dense activation",
    ),
    pytest.param(
        lambda: Embedding(vocab_size=0, embedding_dim=1),
        "Embedding: vocab_size must be an integer of at least 1; got 0.",
        id="vocab_size",
    ),
    pytest.param(
        lambda: Embedding(vocab_size=1, embedding_dim=-1),
        "Embedding: embedding_dim must be an integer of at least 1; got -1.",
        id="embedding_dim",
    ),
    pytest.param(
        lambda: Dropout(rate=1.0),
        "Dropout: rate must be at least 0 and less than 1; got 1.0.",
        id="rate 1",
    ),
    pytest.param(
        lambda: Dropout(rate=-0.1),
        "Dropout: rate must be at least 0 and less than 1; got -0.1.",
        id="rate negative",
    ),
    pytest.param(
        lambda: Dropout(rate=float("nan")),
        "Dropout: rate must be at least 0 and less than 1; got nan.",
        id="rate NaN",
    ),
    pytest.param(
        lambda: RepeatVector(n=0),
        "RepeatVector: n must be an integer of at least 1; got 0.",
        id="n",
    ),
    pytest.param(
        lambda: Input(shape=(None,), dtype="int32"),  # type: ignore[arg-type]
        "Input: dtype must be one of ('int64', 'float'); got 'int32'.",
        id="dtype",
    ),
    pytest.param(
        lambda: Bidirectional(forward=LSTM, merge_mode="mean"),  # type: ignore[arg-type]
        "Bidirectional: merge_mode must be one of ('concat', 'sum', 'mul', 'ave', None); got "
        "'mean'.",
        id="merge_mode",
    ),
    pytest.param(
        lambda: Bidirectional(forward=recurrent(go_backwards=True)),
        "Bidirectional: forward and backward must differ in go_backwards; got True in both.",
        id="forward goes backwards",
    ),
    pytest.param(
        lambda: Bidirectional(forward=LSTM, backward=LSTM),
        "Bidirectional: forward and backward must differ in go_backwards; got False in both.",
        id="backward goes forwards",
    ),
    pytest.param(
        lambda: Bidirectional(
            forward=LSTM, backward=recurrent(go_backwards=True, return_sequences=True)
        ),
        "Bidirectional: forward and backward must agree in return_sequences; got False and True.",
        id="return_sequences",
    ),
    pytest.param(
        lambda: Bidirectional(
            forward=LSTM,
            backward=recurrent(hidden_size=OTHER_HIDDEN, go_backwards=True),
            merge_mode="sum",
        ),
        "Bidirectional: merge_mode 'sum' needs equal hidden sizes; got 5 and 13. Use 'concat'.",
        id="sum of different sizes",
    ),
    pytest.param(
        lambda: Node(name="", layer=LSTM),
        "node name must be non-empty, without '.', '/' and ':'; got ''.",
        id="no name",
    ),
    pytest.param(
        lambda: Node(name="a.b", layer=LSTM),
        "node name must be non-empty, without '.', '/' and ':'; got 'a.b'.",
        id="dot in name",
    ),
    pytest.param(
        lambda: Node(name="a/b", layer=LSTM),
        "node name must be non-empty, without '.', '/' and ':'; got 'a/b'.",
        id="slash in name",
    ),
    pytest.param(
        lambda: Node(name="a:1", layer=LSTM),
        "node name must be non-empty, without '.', '/' and ':'; got 'a:1'.",
        id="colon in name",
    ),
    pytest.param(
        lambda: recurrent(cell="rnn", recurrent_activation="tanh"),
        "Recurrent: recurrent_activation is a setting of lstm and gru alone; got 'tanh' for "
        "'rnn'. Leave it out.",
        id="gates of an rnn",
    ),
    pytest.param(
        lambda: recurrent(cell="lstm", reset_after=False),
        "Recurrent: reset_after is a setting of gru alone; got False for 'lstm'. Leave it out.",
        id="reset of an lstm",
    ),
    pytest.param(
        lambda: recurrent(unit_forget_bias=False),
        "Recurrent: unit_forget_bias is a setting of lstm alone; got False for 'gru'. Leave it "
        "out.",
        id="forget bias of a gru",
    ),
    pytest.param(
        lambda: Input(shape=(-1,)),
        "Input: an axis of shape must be an integer of at least 1; got -1.",
        id="negative axis",
    ),
    pytest.param(
        lambda: recurrent(dropout=1.0),
        "Recurrent: dropout must be at least 0 and less than 1; got 1.0.",
        id="dropout",
    ),
    pytest.param(
        lambda: recurrent(recurrent_dropout=-0.5),
        "Recurrent: recurrent_dropout must be at least 0 and less than 1; got -0.5.",
        id="recurrent_dropout",
    ),
    pytest.param(
        lambda: recurrent(kernel_initializer="xavier"),
        f"initializer must be one of {', '.join(INITIALIZERS)}; got 'xavier'.",
        id="initializer",
    ),
    pytest.param(
        lambda: RecurrentStack(cells=()),
        "RecurrentStack: cells must hold at least one cell; got none.",
        id="no cells",
    ),
    pytest.param(
        lambda: RecurrentStack(cells=(LSTM, recurrent(return_sequences=True))),
        "RecurrentStack: return_sequences belongs to the stack, not to its cells; got "
        "return_sequences=True in a gru cell.",
        id="sequences of a cell",
    ),
    pytest.param(
        lambda: Node(name="values", layer=LSTM),
        "node name 'values' is one that torch uses itself. Rename the layer, e.g. to "
        "'values_layer'.",
        id="torch's name",
    ),
    pytest.param(
        lambda: spec_from_config({"kind": "Conv9D"}),
        f"kind must be one of {', '.join(sorted(Spec.kinds))}; got 'Conv9D'.",
        id="unknown kind",
    ),
    pytest.param(
        lambda: spec_from_config({}),
        f"kind must be one of {', '.join(sorted(Spec.kinds))}; got None.",
        id="no kind",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSALS)
def test_refusals(build: Callable[[], Any], message: str) -> None:
    with refused(message):
        build()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        pytest.param(LSTM, (HIDDEN,), id="final state"),
        pytest.param(recurrent(return_sequences=True), (TIME, HIDDEN), id="sequence"),
        pytest.param(Bidirectional(forward=LSTM), (2 * HIDDEN,), id="concat"),
        pytest.param(Bidirectional(forward=LSTM, merge_mode="ave"), (HIDDEN,), id="ave"),
        pytest.param(
            Bidirectional(
                forward=LSTM, backward=recurrent(hidden_size=OTHER_HIDDEN, go_backwards=True)
            ),
            (HIDDEN + OTHER_HIDDEN,),
            id="concat of different sizes",
        ),
    ],
)
def test_shapes_of_recurrent_layers(layer: LayerSpec, shape: tuple) -> None:
    assert layer.output_shape((TIME, INPUT)) == shape


@pytest.mark.parametrize("return_sequences", [False, True], ids=["final", "sequence"])
def test_bidirectional_makes_everything_explicit(return_sequences: bool) -> None:
    both = Bidirectional(forward=recurrent(return_sequences=return_sequences))
    explicit = {"return_sequences": return_sequences, "zero_output_for_mask": return_sequences}
    assert both.forward == recurrent(**explicit)
    assert both.backward == recurrent(**explicit, go_backwards=True)
    assert both.directions == (both.forward, both.backward)
    assert Bidirectional(forward=both.forward, backward=both.backward) == both


def test_bidirectional_overrides_the_mask_flag() -> None:
    both = Bidirectional(
        forward=recurrent(zero_output_for_mask=True),
        backward=recurrent(zero_output_for_mask=True, go_backwards=True),
    )
    assert [one.zero_output_for_mask for one in both.directions] == [False, False]


def test_a_config_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'unit'"):
        spec_from_config({"kind": "Dense", "unit": 3})


def test_specs_are_frozen() -> None:
    with pytest.raises(AttributeError, match="cannot assign to field"):
        LSTM.hidden_size = 7  # type: ignore[misc]
