"""Raw examples become labels with the preprocessing that the model was trained with."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning import BiGRUClassifier, SequenceClassifier
from birnn_lightning.classification import Classification, classify
from birnn_lightning.data import SeriesPreprocessing, TextPreprocessing, Vocabulary
from tests.nn.samples import HIDDEN, INPUT, TIME, randomise

NAMES = {"binary": ("bad", "good"), "other": ("blue", "green", "red")}


def classifier(**settings: Any) -> SequenceClassifier:
    """A classifier of features with random weights, normalisation and names."""
    sizes = {"input_size": INPUT, "hidden_size": HIDDEN, "num_classes": 3, **settings}
    model = BiGRUClassifier(**sizes)
    randomise(model.model)
    names = NAMES["binary"] if model.task == "binary" else NAMES["other"]
    model.preprocessing = SeriesPreprocessing(
        input_size=INPUT, class_names=names, mean=(0.5,) * INPUT, std=(2.0,) * INPUT
    )
    return model


def series(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(0, 3, (length, INPUT)) for length in lengths]


def outputs_of(model: SequenceClassifier, example: np.ndarray) -> np.ndarray:
    """What the model says of one example alone, normalised by hand."""
    normal = ((example - 0.5) / 2.0).astype(np.float32)
    return model.predict(normal[None])[0]


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_multiclass(batch_size: int) -> None:
    model, examples = classifier(), series(TIME, 2, 5)
    results = list(classify(model, examples, batch_size))
    assert len(results) == 3
    for result, example in zip(results, examples, strict=True):
        expected = outputs_of(model, example)
        assert result.label == NAMES["other"][expected.argmax()]
        expected_by_name = dict(zip(NAMES["other"], expected.tolist(), strict=True))
        assert result.probabilities == pytest.approx(expected_by_name, abs=1e-6)


def test_binary_has_both_probabilities() -> None:
    model, examples = classifier(task="binary", num_classes=None), series(*range(1, 14))
    results = list(classify(model, examples))
    assert {str(result.label) for result in results} == {"bad", "good"}
    for result, example in zip(results, examples, strict=True):
        (positive,) = outputs_of(model, example).tolist()
        assert result.label == ("good" if positive > 0.5 else "bad")
        assert result.probabilities == pytest.approx({"bad": 1 - positive, "good": positive})


def test_multilabel_gives_every_class_over_a_half() -> None:
    model, examples = classifier(task="multilabel"), series(*range(1, 14))
    results = list(classify(model, examples))
    for result, example in zip(results, examples, strict=True):
        pairs = zip(NAMES["other"], outputs_of(model, example), strict=True)
        assert result.label == [name for name, value in pairs if value > 0.5]
    assert len({len(result.label) for result in results}) > 1


def test_tagging_gives_a_label_a_step_without_padding() -> None:
    model, examples = classifier(tagging=True), series(TIME, 2)
    for result, example in zip(classify(model, examples), examples, strict=True):
        expected = outputs_of(model, example)
        assert result.label == [NAMES["other"][step.argmax()] for step in expected]
        assert isinstance(result.probabilities, list)
        assert len(result.probabilities) == len(example)
        assert result.probabilities[0]["red"] == pytest.approx(float(expected[0, 2]), abs=1e-6)


def test_texts() -> None:
    model = BiGRUClassifier(vocab_size=5, embedding_dim=INPUT, hidden_size=HIDDEN, task="binary")
    randomise(model.model)
    vocabulary = Vocabulary.from_texts(["good good bad bad film"], max_tokens=5)
    model.preprocessing = TextPreprocessing(vocabulary=vocabulary, class_names=NAMES["binary"])
    texts = ["Good film!", "bad", ""]
    for text, result in zip(texts, classify(model, texts), strict=True):
        tokens = np.array([vocabulary.encode(text) or [1]])
        (positive,) = model.predict(tokens)[0].tolist()
        assert isinstance(result.probabilities, dict)
        assert result.probabilities["good"] == pytest.approx(positive, abs=1e-6)


def test_examples_are_read_as_they_are_needed() -> None:
    read: list[int] = []

    def examples() -> Iterator[np.ndarray]:
        for index, example in enumerate(series(TIME, 2, 5, 3)):
            read.append(index)
            yield example

    results = classify(classifier(), examples(), batch_size=2)
    assert read == []
    assert isinstance(next(results), Classification)
    assert read == [0, 1]
    assert len(list(results)) == 3


def test_the_mode_of_the_model_stays() -> None:
    model = classifier(dropout=0.5).train()
    first, second = (list(classify(model, series(TIME))) for _ in range(2))
    assert first == second
    assert model.training


REFUSALS = [
    pytest.param(
        lambda: BiGRUClassifier(input_size=INPUT, hidden_size=HIDDEN, num_classes=3),
        "the model has no preprocessing; train it with a data module of birnn_lightning, or call "
        "model.predict with tensors.",
        id="no preprocessing",
    ),
    pytest.param(
        lambda: classifier(task="regression"),
        "a regression model has no classes; call model.predict with tensors.",
        id="regression",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSALS)
def test_refusals(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(classify(build(), series(TIME)))


def test_an_example_that_does_not_fit_is_named() -> None:
    examples = [*series(TIME), np.zeros((TIME, INPUT + 1))]
    with pytest.raises(ValueError, match=r"shape \(time, 3\).*got \(7, 4\) in sequence 1"):
        list(classify(classifier(), examples))


def test_it_is_no_training() -> None:
    model = classifier()
    before = [parameter.clone() for parameter in model.parameters()]
    list(classify(model, series(TIME)))
    after = model.parameters()
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
