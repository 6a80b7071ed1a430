"""Wide CSV files: features in the order of time, labels in their columns."""

from pathlib import Path

import numpy as np
import pytest

from birnn_lightning.data.csv_format import read_wide_csv

TWO_STEPS = "x0,y0,z0,label,x1,y1,z1\n"


def write(tmp_path: Path, content: str) -> str:
    path = tmp_path / "series.csv"
    path.write_text(content)
    return str(path)


def test_features_are_in_the_order_of_time(tmp_path: Path) -> None:
    path = write(tmp_path, TWO_STEPS + "1,2,3,b,4,5,6\n\n7,8,, a ,1,2,3\n")
    examples = read_wide_csv(path, 3, "label")
    np.testing.assert_array_equal(examples.inputs[0], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(examples.inputs[1], [[7, 8, np.nan], [1, 2, 3]])
    assert examples.labels == ["b", "a"]


def test_several_labels(tmp_path: Path) -> None:
    path = write(tmp_path, "x0,x1,wet,cold\n1,2,0,1\n3,5,1,1\n")
    examples = read_wide_csv(path, 1, ["wet", "cold"])
    assert examples.labels == [[0, 1], [1, 1]]
    assert examples.class_names == ("wet", "cold")


@pytest.mark.parametrize("content", ["x0,x1\n1,2\n", "x0,label,x1\n1,,2\n"])
def test_a_file_to_predict_needs_no_labels(tmp_path: Path, content: str) -> None:
    examples = read_wide_csv(write(tmp_path, content), 1, "label", labelled=False)
    assert examples.labels is None
    assert examples.inputs[0].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("content", "label_column", "message"),
    [
        pytest.param("", "label", "include 'label'", id="empty"),
        pytest.param(TWO_STEPS, "label", "one example; got none", id="header-only"),
        pytest.param(TWO_STEPS, "class", "include 'class'; got x0, y0", id="column"),
        pytest.param("x0,label\n1,a\n", "label", "= 3; got 1 columns", id="steps"),
        pytest.param(TWO_STEPS + "1,2,3,a\n", "label", "7 cells .*got 4 at line 2", id="cells"),
        pytest.param(TWO_STEPS + "1,2,3,a,q,5,6\n", "label", "'q' at line 2 .*'x1'", id="text"),
        pytest.param(TWO_STEPS + "1,2,3,a,4,inf,6\n", "label", "'inf' at line 2", id="infinite"),
        pytest.param(TWO_STEPS + "1,2,3,a,4,nan,6\n", "label", "'nan' at line 2", id="nan"),
        pytest.param(TWO_STEPS + "1,2,3,,4,5,6\n", "label", "empty cell at line 2", id="no-label"),
        pytest.param(
            "x,y,z,a,b\n1,2,3,0,2\n", ["a", "b"], "got '2' at row 1 .*column 'b'", id="flag"
        ),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, content, label_column, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_wide_csv(write(tmp_path, content), 3, label_column)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must exist; got .*none.csv"):
        read_wide_csv(str(tmp_path / "none.csv"), 3, "label")
