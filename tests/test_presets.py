"""The presets are the specs they promise, and padding does not matter to them."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.masks import Masked, compact
from birnn_lightning.nn.specs import Bidirectional, CellName, Dense, Input, Recurrent
from birnn_lightning.presets import PRESETS, BidirectionalClassifier
from tests.nn.samples import (
    BATCH,
    CLASSES,
    HIDDEN,
    INPUT,
    MASKS,
    TIME,
    features,
    randomise,
    uniform,
)

CELLS = [pytest.param(cell, id=cell) for cell in PRESETS]
VOCABULARY, EMBEDDING = 13, 3
TOLERANCE = 1e-12


def classifier(cell: CellName = "gru", **settings: Any) -> BidirectionalClassifier:
    """A float64 classifier of features with random weights."""
    sizes = {"input_size": INPUT, "hidden_size": HIDDEN, "num_classes": CLASSES}
    model = PRESETS[cell](**{**sizes, **settings}).double()
    randomise(model.model)
    return model


def token_classifier(cell: CellName = "gru", **settings: Any) -> BidirectionalClassifier:
    """A float64 classifier of tokens with random weights."""
    sizes = {"vocab_size": VOCABULARY, "embedding_dim": EMBEDDING, "input_size": None}
    return classifier(cell, **{**sizes, **settings})


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return float(np.abs(ours - theirs).max()) <= TOLERANCE


def recurrent(return_sequences: bool) -> Bidirectional:
    forward = Recurrent(cell="gru", hidden_size=HIDDEN, return_sequences=return_sequences)
    return Bidirectional(forward=forward)


HEAD = ("head", Dense(units=CLASSES, activation="softmax"))
FEATURES = ("features", Input(shape=(None, INPUT)))
FINAL, SEQUENCE = recurrent(return_sequences=False), recurrent(return_sequences=True)
STRUCTURES = [
    pytest.param({}, [FEATURES, ("bidirectional_1", FINAL), HEAD], id="plain"),
    pytest.param(
        {"num_layers": 2},
        [FEATURES, ("bidirectional_1", SEQUENCE), ("bidirectional_2", FINAL), HEAD],
        id="two layers",
    ),
    pytest.param(
        {"num_layers": 2, "dropout": 0.25, "tagging": True},
        [
            FEATURES,
            ("bidirectional_1", SEQUENCE),
            ("dropout_1", specs.Dropout(rate=0.25)),
            ("bidirectional_2", SEQUENCE),
            ("dropout", specs.Dropout(rate=0.25)),
            HEAD,
        ],
        id="tagging with dropout",
    ),
    pytest.param(
        {"mask_value": -1.5},
        [FEATURES, ("masking", specs.Masking(mask_value=-1.5)), ("bidirectional_1", FINAL), HEAD],
        id="mask_value",
    ),
    pytest.param(
        {"pooling": "max"},
        [FEATURES, ("bidirectional_1", SEQUENCE), ("pooling", specs.GlobalMaxPooling1D()), HEAD],
        id="max",
    ),
    pytest.param(
        {"pooling": "mean"},
        [
            FEATURES,
            ("bidirectional_1", SEQUENCE),
            ("pooling", specs.GlobalAveragePooling1D()),
            HEAD,
        ],
        id="mean",
    ),
    pytest.param(
        {"pooling": "attention"},
        [
            FEATURES,
            ("bidirectional_1", SEQUENCE),
            ("pooling", specs.GlobalAveragePooling1D()),
            ("query", Dense(units=2 * HIDDEN, use_bias=False)),
            ("query_step", specs.RepeatVector(n=1)),
            ("attention", specs.Attention()),
            ("attended", specs.Flatten()),
            HEAD,
        ],
        id="attention",
    ),
    pytest.param(
        {"input_size": None, "vocab_size": VOCABULARY, "embedding_dim": EMBEDDING},
        [
            ("tokens", Input(shape=(None,), dtype="int64")),
            ("embedding", specs.Embedding(vocab_size=13, embedding_dim=3, mask_zero=True)),
            ("bidirectional_1", FINAL),
            HEAD,
        ],
        id="tokens",
    ),
]
HEADS = [
    pytest.param("binary", None, Dense(units=1, activation="sigmoid"), id="binary"),
    pytest.param("binary", 2, Dense(units=1, activation="sigmoid"), id="binary of two classes"),
    pytest.param("multilabel", 11, Dense(units=11, activation="sigmoid"), id="multilabel"),
    pytest.param("regression", 1, Dense(units=1), id="regression"),
]


@pytest.mark.parametrize(("settings", "nodes"), STRUCTURES)
def test_structure(settings: dict, nodes: list) -> None:
    assert [(node.name, node.layer) for node in classifier(**settings).spec.nodes] == nodes


@pytest.mark.parametrize(("task", "num_classes", "head"), HEADS)
def test_heads(task: str, num_classes: int | None, head: Dense) -> None:
    assert classifier(task=task, num_classes=num_classes).spec.output.layer == head


def test_attention_takes_the_query_and_the_sequence() -> None:
    spec = classifier(pooling="attention").spec
    inputs = {node.name: node.inputs for node in spec.nodes}
    assert inputs["attention"] == ("query_step", "bidirectional_1")


@pytest.mark.parametrize("cell", CELLS)
def test_the_cell_is_that_of_the_name(cell: CellName) -> None:
    (layer,) = classifier(cell).recurrent_layers.values()
    assert layer.cell_name == f"bi{cell}"
    assert type(classifier(cell)).__name__.lower() == f"bi{cell}classifier"


REFUSALS = [
    pytest.param(
        {"vocab_size": 3, "input_size": 3},
        "give exactly one of vocab_size (tokens) and input_size (features); got vocab_size=3, "
        "input_size=3.",
        id="both inputs",
    ),
    pytest.param(
        {"input_size": None},
        "give exactly one of vocab_size (tokens) and input_size (features); got vocab_size=None, "
        "input_size=None.",
        id="no input",
    ),
    pytest.param(
        {"pooling": "sum"},
        "pooling must be one of last, max, mean, attention; got 'sum'.",
        id="pooling",
    ),
    pytest.param(
        {"tagging": True, "pooling": "max"},
        "tagging labels every step, so pooling 'max' has no place.",
        id="tagging and pooling",
    ),
    pytest.param({"num_layers": 0}, "num_layers must be at least 1; got 0.", id="num_layers"),
    pytest.param(
        {"task": "binary", "num_classes": 3},
        "a binary task has two classes; got num_classes=3. Use task='multiclass'.",
        id="binary of three",
    ),
    pytest.param(
        {"num_classes": 1}, "task 'multiclass' needs num_classes >= 2; got 1.", id="one class"
    ),
    pytest.param(
        {"task": "regression", "num_classes": None},
        "task 'regression' needs num_classes >= 1; got None.",
        id="no size",
    ),
    pytest.param(
        {"task": "sentiment"},
        "task must be one of binary, multiclass, multilabel, regression; got 'sentiment'.",
        id="task",
    ),
]


@pytest.mark.parametrize(("settings", "message"), REFUSALS)
def test_refusals(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        classifier(**settings)


POOLINGS = ["last", "max", "mean", "attention"]


@pytest.mark.parametrize("content", [1e6, float("nan")], ids=str)
@pytest.mark.parametrize("name", ["right", "interior"])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_content_of_padding_does_not_matter(
    cell: CellName, pooling: str, name: str, content: float
) -> None:
    model, mask = classifier(cell, pooling=pooling, num_layers=2), MASKS[name]
    padded = torch.where(mask[..., None], features(), content)
    ours, theirs = (model.predict(inputs, mask=mask) for inputs in (padded, features()))
    assert np.array_equal(ours, theirs)
    assert not close(model.predict(features()), theirs), "the mask does nothing"


def lengthened(inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Two more masked steps behind and one before."""
    sides = (1, 2)
    inputs = torch.nn.functional.pad(inputs, (0, 0, *sides), value=0.5)
    return inputs, torch.nn.functional.pad(mask, sides)


@pytest.mark.parametrize("name", ["right", "left", "interior", "one valid step"])
@pytest.mark.parametrize("pooling", [one for one in POOLINGS if one != "max"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_length_of_padding_does_not_matter(cell: CellName, pooling: str, name: str) -> None:
    model = classifier(cell, pooling=pooling)
    inputs, mask = lengthened(features(), MASKS[name])
    theirs = model.predict(features(), mask=MASKS[name])
    assert close(model.predict(inputs, mask=mask), theirs)


def test_max_pooling_sees_the_zeros_of_padding() -> None:
    """As in Keras: where all outputs are negative, one masked step more makes the maximum 0."""
    model = classifier(pooling="max")
    with torch.no_grad():
        for name, parameter in model.recurrent_layers["bidirectional_1"].named_parameters():
            parameter.fill_(-2.0 if name.startswith("bias_ih") else 0.0)
    mask = torch.ones(BATCH, TIME, dtype=torch.bool)
    inputs, longer = lengthened(features(), mask)
    stages = model.model.stages([Masked(inputs, longer)])
    assert not stages["pooling"].values.any()
    assert not close(model.predict(inputs, mask=longer), model.predict(features(), mask=mask))


@pytest.mark.parametrize("cell", CELLS)
def test_the_order_of_the_batch_does_not_matter(cell: CellName) -> None:
    model = classifier(cell, num_layers=2)
    inputs, order = uniform(5, TIME, INPUT, seed=7), torch.tensor([3, 0, 4, 2, 1])
    lengths = torch.tensor([7, 1, 3, 5, 2])
    ours = model.predict(inputs[order], lengths=lengths[order])
    assert close(ours, model.predict(inputs, lengths=lengths)[order.numpy()])


@pytest.mark.parametrize("name", ["left", "interior", "one valid step"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_side_of_padding_does_not_matter(cell: CellName, name: str) -> None:
    model, compaction = classifier(cell, num_layers=2), compact(MASKS[name])
    right = model.predict(compaction.gather(features()), lengths=compaction.lengths)
    assert close(model.predict(features(), mask=MASKS[name]), right)


@pytest.mark.parametrize("cell", CELLS)
def test_tokens_may_be_padded_on_either_side(cell: CellName) -> None:
    model = token_classifier(cell, num_layers=2)
    left = model.predict(np.array([[0, 0, 3, 1, 12], [0, 0, 0, 0, 7]]))
    right = model.predict(np.array([[3, 1, 12, 0, 0], [7, 0, 0, 0, 0]]))
    assert close(left, right)
    assert close(left[1:], model.predict(np.array([[7]])))


@pytest.mark.parametrize("tagging", [False, True], ids=["sequence", "tagging"])
@pytest.mark.parametrize("cell", CELLS)
def test_lengths_are_a_mask(cell: CellName, tagging: bool) -> None:
    model = classifier(cell, tagging=tagging)
    ours = model.predict(features(), lengths=torch.tensor([7, 3]))
    assert np.array_equal(ours, model.predict(features(), mask=MASKS["right"]))


def test_mask_value_is_a_mask() -> None:
    model, mask = classifier(mask_value=-1.5), MASKS["interior"]
    inputs = torch.where(mask[..., None], features(), -1.5)
    assert close(model.predict(inputs), classifier().predict(features(), mask=mask))


def test_mask_zero_may_be_off() -> None:
    tokens = np.array([[3, 1, 0, 0]])
    plain, masking = token_classifier(mask_zero=False), token_classifier()
    assert not close(plain.predict(tokens), masking.predict(tokens))
    lengths = np.array([2])
    assert close(plain.predict(tokens, lengths=lengths), masking.predict(tokens))
