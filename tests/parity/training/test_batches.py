"""Batches to train on fit the model's task, and given ones come in their order."""

import numpy as np
import pytest

from birnn_lightning import BiGRUClassifier
from parity.inputs import random_inputs
from parity.training.batches import given_batches, random_batches

SETTINGS = {
    "binary": {},
    "multiclass": {"num_classes": 7},
    "multilabel": {"num_classes": 7},
    "regression": {"num_classes": 7},
}


@pytest.mark.parametrize("task", SETTINGS)
@pytest.mark.parametrize("tagging", [False, True])
def test_labels_fit_the_task(task, tagging):
    model = BiGRUClassifier(
        input_size=3, hidden_size=5, task=task, tagging=tagging, **SETTINGS[task]
    )
    first, second = random_batches(model, 2)
    time = first.arrays[0].shape[1:2] if tagging else ()
    classes = () if task in ("binary", "multiclass") else (7,)
    assert first.labels.shape == (len(first.arrays[0]), *time, *classes)
    assert not np.array_equal(first.arrays[0], second.arrays[0])
    assert not np.array_equal(first.labels, second.labels)


def test_given_examples_come_in_their_order_and_again():
    model = BiGRUClassifier(input_size=3, hidden_size=5, num_classes=7)
    given = random_inputs(model, batch=5)
    labels = np.arange(5)
    batches = given_batches(model, given, labels, steps=3, batch=2)
    assert [batch.labels.tolist() for batch in batches] == [[0, 1], [2, 3], [0, 1]]
    np.testing.assert_array_equal(batches[1].arrays[0], given.arrays[0][2:4])


def test_labels_must_be_one_an_example():
    model = BiGRUClassifier(input_size=3, hidden_size=5, num_classes=7)
    given = random_inputs(model, batch=5)
    with pytest.raises(ValueError, match="entry an example, 5; got 4"):
        given_batches(model, given, np.arange(4), steps=1)
