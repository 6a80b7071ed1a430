"""Labels in a table are read as they stand, and a missing one is named."""

import pytest

from birnn_lightning.data.table_labels import check_distinct, read_flags, read_labels


def table(**columns):
    from datasets import Dataset

    return Dataset.from_dict(columns)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        pytest.param([3, 11, 3], ["3", "11", "3"], id="numbers"),
        pytest.param(["neg", "pos", "01"], ["neg", "pos", "01"], id="text"),
        pytest.param([True, False, True], ["True", "False", "True"], id="truth"),
    ],
)
def test_labels_keep_their_text(values, labels) -> None:
    assert read_labels(table(label=values), "label", "t") == (labels, None)


def test_class_label_columns_name_their_classes() -> None:
    from datasets import ClassLabel

    hub = table(label=[1, 0]).cast_column("label", ClassLabel(names=["pos", "neg"]))
    assert read_labels(hub, "label", "t") == (["neg", "pos"], ("pos", "neg"))


def test_an_unlabelled_hub_row_is_refused() -> None:
    from datasets import ClassLabel

    hub = table(label=[1, -1]).cast_column("label", ClassLabel(names=["pos", "neg"]))
    with pytest.raises(ValueError, match="got -1 at row 2 of t"):
        read_labels(hub, "label", "t")


@pytest.mark.parametrize("missing", ["", None])
def test_a_missing_label_is_refused(missing) -> None:
    with pytest.raises(ValueError, match=f"got {missing!r} at row 2 of t, column 'label'"):
        read_labels(table(label=["a", missing]), "label", "t")


def test_flags() -> None:
    flags, names = read_flags(table(a=[0, 1], b=["1", "0"], c=[1.0, 0.0]), ["a", "b", "c"], "t")
    assert flags == [[0, 1, 1], [1, 0, 0]]
    assert names == ("a", "b", "c")


def test_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="got '2' at row 2 of t, column 'b'"):
        read_flags(table(a=[0, 1], b=[1, 2]), ["a", "b"], "t")


@pytest.mark.parametrize("columns", [[], ["a", "a"]])
def test_label_columns_must_differ(columns) -> None:
    with pytest.raises(ValueError, match="label_column must name at least one"):
        check_distinct(columns)
