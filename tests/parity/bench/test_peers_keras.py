"""Keras's peers compute ours' numbers: graph and XLA, masked, with another setting."""

from unittest import mock

import numpy as np
import pytest

from parity.bench.models import build_spec, starting_weights
from parity.bench.peers.interface import Place
from parity.bench.peers.ours import Epoch
from parity.bench.peers.ours import build as build_ours
from parity.bench.reviews import reviews_of
from parity.bench.statistics import AGREEMENT, difference
from tests.parity.bench.samples import tiny, with_test_reviews

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="Keras's peers are measured on TensorFlow")

PLACE = Place(device="cpu", folder="")


def both(configuration, jit=False):
    from parity.bench.peers.keras import build as build_keras

    spec = build_spec(configuration)
    weights = starting_weights(spec)
    ours = build_ours(configuration, spec, weights, PLACE, engine="auto")
    return ours, build_keras(configuration, spec, weights, PLACE, jit=jit)


def test_a_step_has_the_same_loss_and_lowers_it():
    """After it they differ: Keras on TensorFlow does not sum an embedding's gradients."""
    ours, theirs = both(tiny(mask="left"))
    assert ours.parameters == theirs.parameters
    first = ours.run(), theirs.run()
    assert difference(*first) < AGREEMENT / 10
    assert all(one.run()[0] < loss[0] for one, loss in zip((ours, theirs), first, strict=True))


@pytest.mark.parametrize(
    ("configuration", "jit"),
    [
        pytest.param(tiny("lstm", mask="ragged", workload="infer"), True, id="xla, ragged"),
        pytest.param(tiny("lstm", variant="stateful", workload="infer"), False, id="stateful"),
        pytest.param(tiny("rnn", variant="backward relu", workload="infer"), False, id="backward"),
    ],
)
def test_an_inference_has_the_same_probabilities(configuration, jit):
    ours, theirs = both(configuration, jit)
    assert ours.parameters == theirs.parameters
    for _ in range(2):
        assert difference(ours.run(), theirs.run()) < AGREEMENT / 10


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("mask", ["unmasked", "ragged"])
def test_untrained_peers_are_right_about_the_same_reviews(mask, jit, tmp_path):
    ours, theirs = both(with_test_reviews(tmp_path, mask), jit)
    assert isinstance(ours, Epoch)
    assert ours.accuracy() == theirs.accuracy()


@pytest.mark.parametrize("jit", [False, True])
def test_an_epoch_meets_every_review_once(jit, tmp_path):
    """Batches as long as their longest review, or all alike where each length is compiled."""
    from parity.bench.peers.keras import ReviewBatches, epoch

    configuration = with_test_reviews(tmp_path, "ragged")
    reviews = reviews_of(configuration)
    batches = ReviewBatches(reviews, configuration.batch, "float32")
    orders = []
    for _ in range(2):
        found = [batches[index] for index in range(len(batches))]
        tokens = [row[row != 0].tolist() for inputs, _ in found for row in inputs]
        assert sorted(tokens) == sorted(one.tolist() for one in reviews.tokens)
        assert all((inputs != 0).sum(1).max() == inputs.shape[1] for inputs, _ in found)
        assert sorted(np.concatenate([labels for _, labels in found])[:, 0]) == sorted(
            reviews.labels
        )
        orders.append(tokens)
        batches.on_epoch_end()
    assert orders[0] != orders[1]
    model = mock.Mock()
    model.fit.return_value.history = {"loss": [0.5]}
    assert epoch(model, configuration, trims=not jit)() == [0.5]
    assert isinstance(model.fit.call_args.kwargs["x"], np.ndarray if jit else ReviewBatches)


def test_an_epoch_lowers_the_loss():
    _, theirs = both(tiny(mask="ragged", workload="epoch", reviews=2, batch=2, time=5))
    losses = [theirs.run()[0] for _ in range(5)]
    assert losses[-1] < losses[0]
