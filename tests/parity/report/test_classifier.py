"""A classifier's result refuses a confusion matrix that does not fit its classes."""

import dataclasses

import pytest

from tests.parity.report.samples import classifier


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(classifier(), "name", "other")  # noqa: B010, pyright would refuse it too


@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        pytest.param(((1, 2),), r"\(2\); got 1 rows", id="a row missing"),
        pytest.param(((1, 2), (3,)), r"got 1 columns in row 1", id="not square"),
        pytest.param(((1, 2), (3, -7)), r"got -7 in row 1", id="negative"),
    ],
)
def test_confusion_is_checked(confusion, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(classifier(classes=2), confusion=confusion)


def test_a_regression_has_no_classes():
    result = dataclasses.replace(classifier(), confusion=(), class_names=())
    assert result.class_names == ()
