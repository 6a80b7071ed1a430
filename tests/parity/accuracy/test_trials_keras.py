"""Both frameworks really train: from weights of their own, with what the seed decides."""

import numpy as np
import pytest

from parity.accuracy.experiment import Arrays, Experiment
from parity.accuracy.trials import train_all

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="Keras trains on TensorFlow")

EXPERIMENT = Experiment(
    cell="rnn",
    hidden_size=13,
    dropout=0.1,
    recurrent_dropout=0.1,
    max_pooling=False,
    learning_rate=0.02,
    batch_size=11,
    epochs=5,
)


def separable(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences whose mean says their class."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, count)
    inputs = draw.normal(labels[:, None, None] - 1, 0.5, (count, 3, 2)).astype("float32")
    return inputs, labels


@pytest.mark.slow
def test_each_framework_learns_and_each_seed_differs():
    train_inputs, train_labels = separable(97, 0)
    test_inputs, test_labels = separable(101, 1)
    arrays = Arrays(
        train_inputs=train_inputs,
        train_labels=train_labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        num_classes=3,
    )
    runs = train_all(EXPERIMENT, arrays, [3, 5])
    for found in runs.values():
        assert [run.seed for run in found] == [3, 5]
        assert min(run.accuracy for run in found) > 0.7
        assert max(run.loss for run in found) < 0.9 * np.log(3)
        assert found[0].loss != found[1].loss
