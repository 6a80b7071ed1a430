"""What `predict` returns belongs to the caller."""

import numpy as np
import torch

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn.specs import Input, ModelSpec, Node, Recurrent


def classifier(layer: Recurrent, outputs: tuple[str, ...] = ()) -> SequenceClassifier:
    nodes = (
        Node(name="features", layer=Input(shape=(None, 3))),
        Node(name="recurrent", layer=layer),
    )
    return SequenceClassifier(ModelSpec(nodes, outputs), "regression")


def test_a_changed_prediction_leaves_the_states_of_a_layer_alone() -> None:
    model = classifier(Recurrent(cell="gru", hidden_size=5, stateful=True))
    found = model.predict(np.ones((2, 7, 3), np.float32))
    states = model.recurrent_layers["recurrent"].states
    assert states is not None
    (state,) = states
    before = state.clone()
    assert np.array_equal(found, before.numpy())
    found[:] = 7
    assert torch.equal(state, before)


def test_an_output_that_is_an_input_is_a_copy() -> None:
    model = classifier(Recurrent(cell="gru", hidden_size=5), ("recurrent", "features"))
    inputs = np.ones((2, 7, 3), np.float32)
    _, features = model.predict(inputs)
    features[:] = 7
    assert (inputs == 1).all()
