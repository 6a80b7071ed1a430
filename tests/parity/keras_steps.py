"""One step of training in both frameworks, from the same weights, with everything it shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning import SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.nn.specs import ModelSpec
from parity import copy_weights, to_keras
from parity.keras_model import find_variable, max_pooling_may_drop_masks, read_variables
from parity.layout import keras_arrays, rows
from parity.training.keras_optimizers import floatx
from tests.nn.samples import randomise

tf: Any = pytest.importorskip("tensorflow", reason="gradients are taken by TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the twins are Keras models")

TOLERANCE = 1e-12
RATE = 0.3


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step of plain SGD shows; arrays by Keras path, in Keras's shapes."""

    penalty: float
    loss: float
    gradients: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]


def pair(spec: ModelSpec, task: Any = "multiclass") -> tuple[SequenceClassifier, Any]:
    """A float64 classifier with random weights, and its Keras twin with the same."""
    model = SequenceClassifier(spec, task).double().train()
    randomise(model.model)
    twin = to_keras(model)
    copy_weights(model, twin)
    return model, twin


def our_step(model: SequenceClassifier, inputs: np.ndarray, labels: np.ndarray) -> Step:
    """A step under a torch optimiser that applies the constraints."""
    table, named = rows(model.spec), dict(model.model.named_parameters())
    optimizer = model.constrained(torch.optim.SGD(model.parameters(), lr=RATE))
    optimizer.zero_grad()
    loss = model.loss(Batch(torch.from_numpy(inputs), torch.from_numpy(labels)))
    penalty = model.model.regularization_loss()
    loss.backward()
    gradients = {
        name: np.zeros_like(tensor.numpy())
        if (one := named.get(name)) is None or one.grad is None
        else one.grad.numpy().copy()
        for name, tensor in model.model.state_dict().items()
    }
    optimizer.step()
    state = {name: tensor.numpy() for name, tensor in model.model.state_dict().items()}
    return Step(
        penalty=penalty.item(),
        loss=loss.item(),
        gradients=keras_arrays(table, gradients),
        weights=keras_arrays(table, state),
    )


@max_pooling_may_drop_masks()
def their_step(twin: Any, spec: ModelSpec, inputs: np.ndarray, labels: np.ndarray) -> Step:
    """The same with what Keras itself says the total loss is."""
    paths = [row.keras for row in rows(spec)]
    variables = {path: find_variable(twin, path) for path in paths}
    trained = {path: one for path, one in variables.items() if one.trainable}
    with floatx("float64"):
        twin.compile(
            keras.optimizers.SGD(RATE), keras.losses.SparseCategoricalCrossentropy(dtype="float64")
        )
        with tf.GradientTape() as tape:
            outputs = twin([tf.constant(inputs)], training=True)
            loss = twin.compute_loss(y=tf.constant(labels), y_pred=outputs)
            penalty = float(keras.ops.sum(twin.losses)) if twin.losses else 0.0
        values = tape.gradient(loss, [one.value for one in trained.values()])
        # An embedding's come in slices, of which Keras would not sum those of one row.
        gradients = [tf.convert_to_tensor(one) for one in values]
        twin.optimizer.apply(gradients, list(trained.values()))
    return Step(
        penalty=penalty,
        loss=float(loss),
        gradients=dict(zip(trained, (one.numpy() for one in gradients), strict=True)),
        weights=read_variables(twin, paths),
    )


def assert_same_step(ours: Step, theirs: Step) -> None:
    """Everything within `TOLERANCE` of its scale."""
    assert ours.penalty == pytest.approx(theirs.penalty, rel=TOLERANCE, abs=TOLERANCE)
    assert ours.loss == pytest.approx(theirs.loss, rel=TOLERANCE, abs=TOLERANCE)
    for name in ("gradients", "weights"):
        mine = getattr(ours, name)
        for path, expected in getattr(theirs, name).items():
            scale = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(
                mine[path], expected, rtol=0, atol=TOLERANCE * scale, err_msg=f"{name} of {path}"
            )
