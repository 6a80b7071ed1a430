"""Preprocessing turns raw examples into batches, and comes back from a checkpoint unchanged."""

from pathlib import Path

import numpy as np
import pytest
import torch

from birnn_lightning.data import (
    SeriesPreprocessing,
    TextPreprocessing,
    Vocabulary,
    preprocessing_from_config,
)

VOCABULARY = Vocabulary.from_texts(["good bad film", "good film", "film"])


def text_preprocessing(**changes) -> TextPreprocessing:
    fields = {"vocabulary": VOCABULARY, "class_names": ("neg", "pos"), "max_length": 3}
    return TextPreprocessing(**(fields | changes))


def series_preprocessing(**changes) -> SeriesPreprocessing:
    fields = {
        "input_size": 2,
        "class_names": ("a", "b", "c"),
        "mean": (1.0, 2.0),
        "std": (2.0, 4.0),
        "fill": (1.0, 2.0),
    }
    return SeriesPreprocessing(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, [[0, 3], [1, 2]], id="longest"),
        pytest.param({"pad_to": "max_length"}, [[0, 0, 3], [0, 1, 2]], id="max-length"),
        pytest.param({"padding": "post"}, [[3, 0], [1, 2]], id="post"),
        pytest.param({"max_length": 1}, [[3], [2]], id="truncated-pre"),
        pytest.param({"max_length": 1, "truncation": "post"}, [[3], [1]], id="truncated-post"),
        pytest.param({"max_length": None}, [[0, 3], [1, 2]], id="not-truncated"),
    ],
)
def test_texts(changes, expected) -> None:
    batch = text_preprocessing(**changes)(["Good!", "new film"])
    assert batch.inputs.tolist() == expected
    assert batch.labels is None
    assert batch.mask is None


@pytest.mark.parametrize("text", ["", "?!", " \n"])
def test_a_text_without_token_is_one_unknown_token(text: str) -> None:
    assert text_preprocessing()([text]).inputs.tolist() == [[1]]


def test_series_are_normalised_before_padding() -> None:
    batch = series_preprocessing()([np.array([[3.0, 6.0]]), np.array([[1.0, 2.0], [5.0, 2.0]])])
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.tolist() == [[[1, 1], [0, 0]], [[0, 0], [2, 0]]]
    assert batch.mask is not None
    assert batch.mask.tolist() == [[True, False], [True, True]]


def test_series_of_one_length_have_no_mask() -> None:
    assert series_preprocessing()([np.zeros((3, 2)), np.ones((3, 2))]).mask is None


def test_a_missing_value_becomes_the_mean() -> None:
    batch = series_preprocessing()([np.array([[np.nan, 6.0]])])
    assert batch.inputs.tolist() == [[[0, 1]]]
    raw = series_preprocessing(mean=None, std=None)([np.array([[np.nan, 6.0]])])
    assert raw.inputs.tolist() == [[[1, 6]]]


def test_one_feature_needs_no_axis() -> None:
    one = SeriesPreprocessing(input_size=1, class_names=("a", "b"), max_length=2)
    assert one([np.array([2.0, 3.0, 5.0])]).inputs.tolist() == [[[2], [3]]]


@pytest.mark.parametrize("build", [text_preprocessing, series_preprocessing])
def test_config_survives_a_checkpoint(build, tmp_path: Path) -> None:
    preprocessing = build(max_length=5)
    torch.save(preprocessing.to_config(), tmp_path / "config.pt")
    config = torch.load(tmp_path / "config.pt", weights_only=True)
    assert preprocessing_from_config(config) == preprocessing
    assert preprocessing_from_config(config) != build(max_length=7)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'image'"):
        preprocessing_from_config({"kind": "image"})


@pytest.mark.parametrize(
    ("build", "changes", "message"),
    [
        pytest.param(text_preprocessing, {"padding": "left"}, "padding .*'left'", id="padding"),
        pytest.param(text_preprocessing, {"max_length": 0}, "max_length .*got 0", id="length"),
        pytest.param(text_preprocessing, {"pad_to": "all"}, "pad_to .*'all'", id="pad-to"),
        pytest.param(
            text_preprocessing,
            {"pad_to": "max_length", "max_length": None},
            "needs a max_length; got None",
            id="pad-to-nothing",
        ),
        pytest.param(series_preprocessing, {"std": None}, "go together; .*std=None", id="no-std"),
        pytest.param(series_preprocessing, {"std": (1.0, 0.0)}, "std .*got 0.0", id="zero-std"),
        pytest.param(series_preprocessing, {"fill": (1.0,)}, "fill .*= 2 .*got 1", id="fill"),
        pytest.param(
            series_preprocessing, {"truncation": "mid"}, "truncation .*'mid'", id="truncation"
        ),
    ],
)
def test_wrong_fields_are_refused(build, changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changes)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        pytest.param(np.zeros((5, 3)), r"\(time, 2\) .*got \(5, 3\) in sequence 1", id="features"),
        pytest.param(np.zeros((0, 2)), r"got \(0, 2\)", id="no-step"),
        pytest.param(np.zeros(5), r"got \(5,\)", id="axes"),
        pytest.param(
            np.array([[1.0, 2.0], [3.0, np.inf]]), "got inf at step 1, feature 1", id="infinite"
        ),
    ],
)
def test_wrong_series_are_refused(series: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        series_preprocessing()([np.zeros((3, 2)), series])


def test_nan_without_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="got nan at step 0, feature 1 of sequence 0"):
        series_preprocessing(fill=None)([np.array([[1.0, np.nan]])])
