"""Each layout of an .npz file is read by its rule, and every other is refused."""

from pathlib import Path

import numpy as np
import pytest

from birnn_lightning.data.npz_format import read_npz

X = np.arange(30.0).reshape(2, 5, 3)


def save(tmp_path: Path, **arrays) -> str:
    path = tmp_path / "series.npz"
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize(
    ("arrays", "shapes"),
    [
        pytest.param({"x": X}, [(5, 3), (5, 3)], id="three-axes"),
        pytest.param({"x": X[:, :, 0]}, [(5, 1), (5, 1)], id="two-axes"),
        pytest.param({"x": X, "lengths": [2, 5]}, [(2, 3), (5, 3)], id="padded"),
        pytest.param({"x": X[0], "lengths": [2, 3]}, [(2, 3), (3, 3)], id="all-steps"),
        pytest.param({"x": X[0, :, 0], "lengths": [4, 1]}, [(4, 1), (1, 1)], id="one-feature"),
    ],
)
def test_layouts_of_x(tmp_path: Path, arrays, shapes) -> None:
    examples = read_npz(save(tmp_path, y=[7, 3], **arrays), "sequence")
    assert [series.shape for series in examples.inputs] == shapes
    assert examples.labels == ["7", "3"]
    whole = np.concatenate(examples.inputs)
    np.testing.assert_array_equal(whole[0], np.asarray(arrays["x"]).reshape(-1, whole.shape[1])[0])


def test_text_labels(tmp_path: Path) -> None:
    assert read_npz(save(tmp_path, x=X, y=["b", "a"]), "sequence").labels == ["b", "a"]


@pytest.mark.parametrize(
    ("arrays", "labels"),
    [
        pytest.param(
            {"x": X, "y": np.arange(10).reshape(2, 5), "lengths": [2, 3]},
            [["0", "1"], ["5", "6", "7"]],
            id="padded",
        ),
        pytest.param(
            {"x": X[0], "y": np.arange(5), "lengths": [2, 3]},
            [["0", "1"], ["2", "3", "4"]],
            id="all-steps",
        ),
    ],
)
def test_step_labels(tmp_path: Path, arrays, labels) -> None:
    assert read_npz(save(tmp_path, **arrays), "step").labels == labels


def test_several_labels(tmp_path: Path) -> None:
    path = save(tmp_path, x=X, y=[[0, 1], [1, 1]], class_names=["wet", "cold"])
    examples = read_npz(path, "multilabel")
    assert examples.class_names == ("wet", "cold")
    assert np.asarray(examples.labels).tolist() == [[0, 1], [1, 1]]
    path = save(tmp_path, x=X, y=[[0, 1], [1, 1]])
    assert read_npz(path, "multilabel").class_names == ("0", "1")


def test_a_file_to_predict_needs_no_y(tmp_path: Path) -> None:
    assert read_npz(save(tmp_path, x=X), "sequence", labelled=False).labels is None


NAN = X.copy()
NAN[1, 3, 2] = np.nan


@pytest.mark.parametrize(
    ("arrays", "labels", "message"),
    [
        pytest.param({"x": X}, "sequence", "hold x and y; got x in", id="no-y"),
        pytest.param({"x": X[0, 0], "y": [1]}, "sequence", r"shape .*got \(3,\)", id="axes"),
        pytest.param({"x": [["a"]], "y": [1]}, "sequence", "number; got dtype <U1", id="dtype"),
        pytest.param({"x": X[:0], "y": [1]}, "sequence", r"shape \(0, 5, 3\)", id="empty"),
        pytest.param({"x": X, "y": [1, 2, 3]}, "sequence", r"\(2,\) .*got \(3,\)", id="count"),
        pytest.param({"x": X, "y": [[1], [2]]}, "sequence", r"got \(2, 1\)", id="y-axes"),
        pytest.param({"x": X, "y": [1, 0]}, "multilabel", r"classes\) .*got \(2,\)", id="flags"),
        pytest.param({"x": X, "y": [[2], [0]]}, "multilabel", "0 and 1 only", id="not-flags"),
        pytest.param(
            {"x": X, "y": [[1], [0]], "class_names": ["a", "b"]},
            "multilabel",
            r"name the 1 columns of y; got \(2,\)",
            id="names",
        ),
        pytest.param({"x": X, "y": [1, 2]}, "step", r"got \(2,\) for x of shape", id="step"),
        pytest.param(
            {"x": NAN, "y": [1, 2]}, "sequence", "nan at step 3, feature 2 of row 2", id="nan"
        ),
        pytest.param(
            {"x": X, "y": [1, 2], "lengths": [0, 5]}, "sequence", "least 0 in", id="zero-length"
        ),
        pytest.param(
            {"x": X, "y": [1, 2], "lengths": [7, 5]}, "sequence", "at most 5 .*up to 7", id="long"
        ),
        pytest.param(
            {"x": X[0], "y": [1, 2], "lengths": [2, 2]}, "sequence", "= 4 steps; got", id="sum"
        ),
        pytest.param(
            {"x": np.array([[1], [2, 3]], dtype=object), "y": [1, 2]},
            "sequence",
            "must hold plain arrays",
            id="pickled",
        ),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, arrays, labels, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_npz(save(tmp_path, **arrays), labels)


@pytest.mark.parametrize("content", [b"", b"PK no zip"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"plain arrays; got .*broken.npz"):
        read_npz(str(tmp_path / "broken.npz"), "sequence")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must exist; got .*none.npz"):
        read_npz(str(tmp_path / "none.npz"), "sequence")
