"""Padding and its mask; its equality with Keras is in test_padding_keras.py."""

import numpy as np
import pytest
import torch

from birnn_lightning.data import pad_sequences


@pytest.mark.parametrize(
    ("padding", "truncation", "expected"),
    [
        pytest.param("pre", "pre", [[0, 2, 3], [6, 7, 8]], id="pre-pre"),
        pytest.param("pre", "post", [[0, 2, 3], [5, 6, 7]], id="pre-post"),
        pytest.param("post", "pre", [[2, 3, 0], [6, 7, 8]], id="post-pre"),
        pytest.param("post", "post", [[2, 3, 0], [5, 6, 7]], id="post-post"),
    ],
)
def test_sides(padding, truncation, expected) -> None:
    padded, mask = pad_sequences([[2, 3], [5, 6, 7, 8]], 3, padding, truncation)
    assert padded.tolist() == expected
    assert padded.dtype == torch.int64
    assert mask.tolist() == [[token != 0 for token in row] for row in expected]


def test_features_are_float32() -> None:
    series = [np.ones((2, 3)), np.ones((5, 3))]
    padded, mask = pad_sequences(series, padding="post")
    assert padded.shape == (2, 5, 3)
    assert padded.dtype == torch.float32
    assert mask.sum(1).tolist() == [2, 5]
    assert padded.sum() == 21


def test_an_empty_sequence_is_all_padding() -> None:
    padded, mask = pad_sequences([[], [7]])
    assert padded.tolist() == [[0], [7]]
    assert mask.tolist() == [[False], [True]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"sequences": []}, "got none", id="nothing"),
        pytest.param({"sequences": [[2]], "length": 0}, "length must .*got 0", id="length"),
        pytest.param({"sequences": [[2]], "padding": "left"}, "padding .*'left'", id="padding"),
        pytest.param({"sequences": [[2]], "truncation": 3}, "truncation .*got 3", id="truncation"),
        pytest.param(
            {"sequences": [np.ones((2, 3)), np.ones((2, 5))]}, r"\(2, 5\) at index 1", id="features"
        ),
        pytest.param({"sequences": [[2], [0.5]]}, "dtype float64 at index 1", id="float-tokens"),
        pytest.param({"sequences": [np.ones((2, 3, 5))]}, r"\(2, 3, 5\) at index 0", id="axes"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pad_sequences(**arguments)
