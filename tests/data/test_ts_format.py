"""The .ts reader takes what the archives hold, and names the line of what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from birnn_lightning.data.ts_format import read_ts

HEADER = "# comment\n% another\n@problemName T\n\n@TIMESTAMPS false\n@classLabel true a b\n@DATA\n"


def write(tmp_path: Path, content: str) -> str:
    path = tmp_path / "series.ts"
    path.write_text(content)
    return str(path)


def test_channels_of_different_examples_may_differ_in_length(tmp_path: Path) -> None:
    examples = read_ts(write(tmp_path, HEADER + "1,2,3:4,5,6:a\n\n7,8:-9,1e1: b \n"))
    assert [series.tolist() for series in examples.inputs] == [
        [[1, 4], [2, 5], [3, 6]],
        [[7, -9], [8, 10]],
    ]
    assert examples.labels == ["a", "b"]
    assert [row for _, row in examples.origins] == [1, 2]


def test_missing_values_become_nan(tmp_path: Path) -> None:
    examples = read_ts(write(tmp_path, HEADER + "1,?,NaN:a\n"))
    np.testing.assert_array_equal(examples.inputs[0], [[1], [np.nan], [np.nan]])


def test_time_stamps_are_dropped(tmp_path: Path) -> None:
    header = "@timeStamps True\n@univariate false\n@classLabel true 1 2\n@data\n"
    line = "(2007-01-01 00:01:00,241.97),(2007-01-01 00:02:00,?):(0,3),(1,5):2\n"
    examples = read_ts(write(tmp_path, header + line))
    np.testing.assert_array_equal(examples.inputs[0], [[241.97, 3], [np.nan, 5]])
    assert examples.labels == ["2"]


def test_a_file_to_predict_needs_no_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "@classLabel false\n@data\n1,2\n")
    assert read_ts(path, labelled=False).labels is None
    with pytest.raises(ValueError, match=r"must have classes .*series.ts"):
        read_ts(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "one example; got none", id="empty"),
        pytest.param(HEADER, "one example; got none", id="header-only"),
        pytest.param("1,2:a\n", "follow the tag @data; got values at line 1", id="no-data-tag"),
        pytest.param(HEADER + "1,2:c\n", r"\(a, b\); got 'c' at line 8", id="class"),
        pytest.param(HEADER + "1,x:a\n", "number .*line 8 .*'x'", id="number"),
        pytest.param(
            HEADER + "1,2:a\n1,2:3:a\n", r"one length; got \[2, 1\] at line 9", id="length"
        ),
        pytest.param(HEADER + "1:a\n1:2:a\n", "have 1 channels, .*got 2 at line 9", id="channels"),
        pytest.param("@dimensions 3\n" + HEADER + "1:2:a\n", "have 3 .*got 2 at", id="dimensions"),
        pytest.param("@univariate true\n" + HEADER + "1:2:a\n", "have 1 .*got 2", id="univariate"),
        pytest.param(HEADER + "a\n", r"one length; got \[\] at line 8", id="no-channel"),
        pytest.param(HEADER + "1,inf:a\n", "infinite one at line 8", id="infinite"),
        pytest.param(HEADER + "(0,1):a\n", "need the tag @timeStamps true", id="stamps"),
        pytest.param("@timestamps perhaps\n", "true or false; got 'perhaps'", id="truth"),
        pytest.param("@dimensions many\n", "a number; got 'many' at line 1", id="count"),
        pytest.param("@targetLabel true\n", "got @targetLabel at line 1", id="regression"),
        pytest.param(
            "@timestamps true\n@classLabel true a\n@data\n1,2:a\n", "pairs; got '1,2'", id="pairs"
        ),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_ts(write(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must exist; got .*none.ts"):
        read_ts(str(tmp_path / "none.ts"))
