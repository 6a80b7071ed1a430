"""A graph of specs refuses what does not fit, and becomes primitives and back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from birnn_lightning.nn.specs import (
    Attention,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Input,
    Masking,
    ModelSpec,
    Node,
    Recurrent,
    RepeatVector,
)
from tests.nn.samples import CLASSES, HIDDEN, INPUT, TIME

LSTM = Recurrent(cell="lstm", hidden_size=HIDDEN)


def gru(**fields: Any) -> Recurrent:
    return Recurrent(cell="gru", hidden_size=HIDDEN, **fields)


FEATURES = Node(name="features", layer=Input(shape=(None, INPUT)))
VECTOR = Node(name="vector", layer=Input(shape=(INPUT,)))
DENSE = Node(name="dense", layer=Dense(units=CLASSES))

MISFITS = [
    pytest.param([], "a model needs at least one node.", id="empty"),
    pytest.param(
        [DENSE], f"the first node must be an Input; got {DENSE.layer!r}.", id="no input first"
    ),
    pytest.param(
        [FEATURES, DENSE, DENSE], "node names must be unique; 'dense' occurs twice.", id="twice"
    ),
    pytest.param(
        [FEATURES, Node(name="a", layer=Dense(units=1), inputs=("b",)), DENSE],
        "node 'a' takes 'b', which does not stand before it. Before it: ['features'].",
        id="not before",
    ),
    pytest.param(
        [FEATURES, Node(name="a", layer=Dense(units=1), inputs=("a",))],
        "node 'a' takes 'a', which does not stand before it. Before it: ['features'].",
        id="itself",
    ),
    pytest.param(
        [VECTOR, Node(name="lstm", layer=LSTM)],
        "node 'lstm': Recurrent: its input must have the axes (batch, time, feature); got (3,).",
        id="recurrent without time",
    ),
    pytest.param(
        [VECTOR, Node(name="masking", layer=Masking())],
        "node 'masking': Masking: its input must have the axes (batch, time, feature); got (3,).",
        id="masking without time",
    ),
    pytest.param(
        [VECTOR, Node(name="pool", layer=GlobalMaxPooling1D())],
        "node 'pool': GlobalMaxPooling1D: its input must have the axes (batch, time, feature); got "
        "(3,).",
        id="pooling without time",
    ),
    pytest.param(
        [FEATURES, Node(name="repeat", layer=RepeatVector(n=2))],
        "node 'repeat': RepeatVector: its input must have the axes (batch, feature); got (None, "
        "3).",
        id="repeat a sequence",
    ),
    pytest.param(
        [FEATURES, Node(name="flat", layer=Flatten())],
        "node 'flat': Flatten: every axis must have a known size; got (None, 3).",
        id="flatten an open axis",
    ),
    pytest.param(
        [
            FEATURES,
            Node(name="other", layer=Input(shape=(None, HIDDEN))),
            Node(name="attention", layer=Attention(), inputs=("features", "other")),
        ],
        "node 'attention': Attention: needs a query and a key of equal size; got ((None, 3), "
        "(None, 5)).",
        id="attention of unequal sizes",
    ),
    pytest.param(
        [VECTOR, Node(name="attention", layer=Attention(), inputs=("vector", "vector"))],
        "node 'attention': Attention: its input must have the axes (batch, time, feature); got "
        "(3,).",
        id="attention without time",
    ),
    pytest.param(
        [FEATURES, Node(name="attention", layer=Attention())],
        "node 'attention': Attention takes 2 or 3 inputs; got ['features'].",
        id="attention of one",
    ),
    pytest.param(
        [FEATURES, Node(name="dense", layer=Dense(units=1), inputs=("features", "features"))],
        "node 'dense': Dense takes 1 inputs; got ['features', 'features'].",
        id="dense of two",
    ),
    pytest.param(
        [FEATURES, Node(name="more", layer=Input(shape=(1,)), inputs=("features",))],
        "node 'more': Input takes 0 inputs; got ['features'].",
        id="input of one",
    ),
]


@pytest.mark.parametrize(("nodes", "message"), MISFITS)
def test_misfits_of_a_graph(nodes: list[Node], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ModelSpec(tuple(nodes))


def test_inputs_default_to_the_node_before() -> None:
    spec = ModelSpec((FEATURES, Node(name="lstm", layer=LSTM), DENSE))
    assert [node.inputs for node in spec.nodes] == [(), ("features",), ("lstm",)]
    explicit = Node(name="dense", layer=DENSE.layer, inputs=("lstm",))
    assert spec == ModelSpec((FEATURES, Node(name="lstm", layer=LSTM), explicit))


def test_inputs_and_output() -> None:
    spec = GRAPH
    assert [node.name for node in spec.inputs] == ["tokens", "features"]
    assert spec.output.name == "head"


GRAPH = ModelSpec(
    (
        Node(name="tokens", layer=Input(shape=(None,), dtype="int64")),
        Node(
            name="embedding",
            layer=Embedding(vocab_size=13, embedding_dim=2 * HIDDEN, mask_zero=True),
        ),
        Node(name="features", layer=Input(shape=(TIME, INPUT))),
        Node(name="masking", layer=Masking(mask_value=-1.5)),
        Node(
            name="both",
            layer=Bidirectional(
                forward=gru(return_sequences=True, reset_after=False),
                backward=gru(
                    return_sequences=True, go_backwards=True, activation="relu", use_bias=False
                ),
            ),
        ),
        Node(name="attention", layer=Attention(), inputs=("embedding", "both")),
        Node(name="mean", layer=GlobalAveragePooling1D()),
        Node(name="max", layer=GlobalMaxPooling1D(), inputs=("both",)),
        Node(name="dropout", layer=Dropout(rate=0.25)),
        Node(name="repeat", layer=RepeatVector(n=2)),
        Node(name="flat", layer=Flatten()),
        Node(name="head", layer=Dense(units=CLASSES, activation="softmax", use_bias=False)),
    )
)

SHAPES = [
    pytest.param("tokens", (None,), id="open time"),
    pytest.param("embedding", (None, 10), id="embedding"),
    pytest.param("masking", (TIME, INPUT), id="masking"),
    pytest.param("both", (TIME, 10), id="concatenated"),
    pytest.param("attention", (None, 10), id="attention: the query's time"),
    pytest.param("mean", (10,), id="mean"),
    pytest.param("max", (10,), id="max"),
    pytest.param("dropout", (10,), id="dropout"),
    pytest.param("repeat", (2, 10), id="repeat"),
    pytest.param("flat", (20,), id="flatten"),
    pytest.param("head", (CLASSES,), id="dense"),
]


@pytest.mark.parametrize(("node", "shape"), SHAPES)
def test_shapes(node: str, shape: tuple) -> None:
    assert GRAPH.shapes()[node] == shape


def test_a_config_comes_back_through_json() -> None:
    assert ModelSpec.from_config(json.loads(json.dumps(GRAPH.to_config()))) == GRAPH


def test_a_config_comes_back_through_a_safe_checkpoint(tmp_path: Path) -> None:
    torch.save(GRAPH.to_config(), tmp_path / "spec.pt")
    config = torch.load(tmp_path / "spec.pt", weights_only=True)
    assert ModelSpec.from_config(config) == GRAPH


def test_a_config_is_lists_and_primitives() -> None:
    def check(value: Any) -> None:
        if isinstance(value, list):
            [check(one) for one in value]
        elif isinstance(value, dict):
            [check(one) for pair in value.items() for one in pair]
        else:
            assert type(value) in (str, int, float, bool, type(None))

    check(GRAPH.to_config())


def test_configs_tell_specs_apart() -> None:
    changed = ModelSpec((FEATURES, Node(name="dense", layer=Dense(units=CLASSES + 2))))
    assert ModelSpec.from_config(changed.to_config()) != ModelSpec((FEATURES, DENSE))
