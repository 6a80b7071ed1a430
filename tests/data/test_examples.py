"""Labels become indices in a known order, and an encoded split hands out batches."""

import numpy as np
import pytest
import torch

from birnn_lightning.data import SeriesPreprocessing
from birnn_lightning.data.examples import (
    PADDED_LABEL,
    EncodedExamples,
    Examples,
    class_indices,
    sorted_class_names,
)

NAMES = ("a", "b", "c")
ORIGINS = [("train.npz", 1), ("train.npz", 2), ("train.npz", 3)]
SERIES = [np.full((time, 1), float(time)) for time in (2, 5, 3)]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        pytest.param(["10", "9", "-1", "9"], ("-1", "9", "10"), id="whole-numbers"),
        pytest.param(["1.0", "0.5"], ("0.5", "1.0"), id="fractions"),
        pytest.param(["b", "10", "9"], ("10", "9", "b"), id="text"),
        pytest.param(["nan", "2", "10"], ("10", "2", "nan"), id="nan-is-a-name"),
    ],
)
def test_class_order(labels: list[str], names: tuple[str, ...]) -> None:
    assert sorted_class_names(labels) == names


def test_an_unknown_label_is_refused() -> None:
    examples = Examples(inputs=SERIES, labels=["a", "z", "b"], origins=ORIGINS)
    with pytest.raises(ValueError, match=r"\(a, b, c\); got 'z' at row 2 of train.npz"):
        class_indices(examples.labels or [], NAMES, examples.where)


def encode(labels: list, kind: str, **changes) -> EncodedExamples:
    preprocessing = SeriesPreprocessing(input_size=1, class_names=NAMES, **changes)
    return EncodedExamples(
        Examples(inputs=SERIES, labels=labels, origins=ORIGINS), preprocessing, kind
    )


def test_class_labels() -> None:
    dataset = encode(["c", "a", "b"], "class")
    inputs, labels, mask, sample_weights = dataset[[0, 2]]
    assert sample_weights is None
    assert inputs.shape == (2, 3, 1)
    assert labels is not None
    assert labels.dtype == torch.int64
    assert labels.tolist() == [2, 1]
    assert mask is not None
    assert mask.tolist() == [[True, True, False], [True, True, True]]
    assert dataset.lengths == [2, 5, 3]


def test_step_labels_are_padded_as_the_inputs() -> None:
    labels = [["a", "b"], ["c"] * 5, ["b", "a", "c"]]
    batch = encode(labels, "step")[[0, 2]]
    assert batch.labels is not None
    assert batch.labels.tolist() == [[0, 1, PADDED_LABEL], [1, 0, 2]]


@pytest.mark.parametrize(("truncation", "expected"), [("pre", [0, 2]), ("post", [1, 0])])
def test_step_labels_are_truncated_as_the_inputs(truncation, expected) -> None:
    labels = [["a", "b"], ["c"] * 5, ["b", "a", "c"]]
    batch = encode(labels, "step", max_length=2, truncation=truncation)[[2]]
    assert batch.labels is not None
    assert batch.labels.tolist() == [expected]
    assert batch.inputs.shape == (1, 2, 1)


def test_several_labels() -> None:
    batch = encode([[0, 1, 1], [1, 0, 0], [0, 0, 0]], "multilabel")[[1, 0]]
    assert batch.labels is not None
    assert batch.labels.dtype == torch.float32
    assert batch.labels.tolist() == [[1, 0, 0], [0, 1, 1]]


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"each of the 3 classes; got labels of shape \(3, 2\)"):
        encode([[0, 1]] * 3, "multilabel")


def test_a_wrong_step_is_named() -> None:
    with pytest.raises(ValueError, match=r"got 'z' at step 1 of row 1 of train.npz"):
        encode([["a", "z"], ["c"] * 5, ["b", "a", "c"]], "step")


def test_without_labels() -> None:
    examples = Examples(inputs=SERIES, origins=ORIGINS)
    preprocessing = SeriesPreprocessing(input_size=1, class_names=NAMES)
    assert EncodedExamples(examples, preprocessing, "class")[[0]].labels is None
