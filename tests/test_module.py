"""The classifier's outputs, its training, and what it measures, under a real Trainer."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier, SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.losses import TASKS, Task
from birnn_lightning.nn.specs import CellName, Dense, Input, ModelSpec, Node
from birnn_lightning.presets import PRESETS
from tests.nn.samples import (
    BATCH,
    CLASSES,
    HIDDEN,
    INPUT,
    MASKS,
    TIME,
    features,
    randomise,
    uniform,
)
from tests.nn.training import TinySeries, loader_of, quiet_trainer

CELLS = [pytest.param(cell, id=cell) for cell in PRESETS]
Build = Callable[..., SequenceClassifier]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def classifier(task: Task = "multiclass", **settings: Any) -> BiGRUClassifier:
    """A float64 classifier with random weights."""
    if task != "binary":
        settings = {"num_classes": CLASSES, **settings}
    model = BiGRUClassifier(input_size=INPUT, hidden_size=HIDDEN, task=task, **settings).double()
    randomise(model.model)
    return model


SHAPES = [
    pytest.param("binary", False, (BATCH,), (BATCH, 1), id="binary"),
    pytest.param("binary", True, (BATCH, TIME), (BATCH, TIME, 1), id="binary tagging"),
    *(
        pytest.param(task, False, (BATCH, CLASSES), (BATCH, CLASSES), id=task)
        for task in TASKS
        if task != "binary"
    ),
    *(
        pytest.param(
            task, True, (BATCH, TIME, CLASSES), (BATCH, TIME, CLASSES), id=f"{task} tagging"
        )
        for task in TASKS
        if task != "binary"
    ),
]


@pytest.mark.parametrize(("task", "tagging", "logits", "outputs"), SHAPES)
def test_shapes(task: Task, tagging: bool, logits: tuple, outputs: tuple) -> None:
    model = classifier(task, tagging=tagging)
    assert model.tagging == tagging
    assert tuple(model(features()).shape) == logits
    assert model.predict(features()).shape == outputs


ACTIVATIONS: dict[Task, Callable[[Tensor], Tensor]] = {
    "binary": lambda logits: torch.sigmoid(logits)[..., None],
    "multiclass": lambda logits: torch.softmax(logits, dim=-1),
    "multilabel": torch.sigmoid,
    "regression": lambda logits: logits,
}


@pytest.mark.parametrize("task", TASKS)
def test_predictions_are_the_activation_of_the_logits(task: Task) -> None:
    model = classifier(task)
    expected = ACTIVATIONS[task](model(features()).detach())
    torch.testing.assert_close(torch.from_numpy(model.predict(features())), expected)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_several_batches_are_one(batch_size: int) -> None:
    model, inputs = classifier(), uniform(5, TIME, INPUT, seed=7)
    lengths, mask = torch.tensor([7, 1, 3, 5, 2]), torch.ones(5, TIME, dtype=torch.bool)
    mask[3, 1] = False
    parts = model.predict(inputs, lengths=lengths, mask=mask, batch_size=batch_size)
    whole = model.predict(inputs, lengths=lengths, mask=mask)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-12)


def test_no_examples_give_no_predictions() -> None:
    inputs, mask = torch.zeros(0, TIME, INPUT), torch.zeros(0, TIME, dtype=torch.bool)
    assert classifier().predict(inputs, mask=mask).shape == (0, CLASSES)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_predict_is_evaluation_and_restores_the_mode(training: bool) -> None:
    model = classifier(dropout=0.5).train(training)
    first, second = model.predict(features()), model.predict(features())
    assert np.array_equal(first, second), "dropout in predict"
    assert model.training == training
    assert model.model.training == training


def test_predict_leaves_every_part_in_its_own_mode() -> None:
    """Such as a layer that is frozen in evaluation mode while the others train."""
    model = classifier(dropout=0.5).train()
    parts = list(model.model.modules())
    parts[2].eval()
    modes = [part.training for part in parts]
    model.predict(features())
    assert [part.training for part in parts] == modes
    assert len(set(modes)) == 2


def test_predict_restores_the_mode_after_an_error() -> None:
    model = classifier().train()
    with pytest.raises(ValueError, match="must have the shape"):
        model.predict(features()[0])
    assert model.training


def test_predict_refuses_rows_that_do_not_belong_together() -> None:
    message = r"^inputs, lengths and mask must have one batch size; got \[2, 3\]\.$"
    with pytest.raises(ValueError, match=message):
        classifier().predict(features(), lengths=torch.tensor([1, 2, 3]), batch_size=2)


PRECISIONS = [
    pytest.param(torch.float64, np.float64, 1e-12, id="float64"),
    pytest.param(torch.float32, np.float32, 1e-5, id="float32"),
    # bfloat16 has 8 bits: 0.4% at each of 7 steps and in the head.
    pytest.param(torch.bfloat16, np.float32, 5e-2, id="bfloat16"),
]


@pytest.mark.parametrize(("dtype", "kind", "tolerance"), PRECISIONS)
def test_the_model_computes_in_its_own_precision(dtype, kind, tolerance: float) -> None:
    truth = classifier().predict(features(), mask=MASKS["interior"])
    model = classifier().to(dtype)
    assert model(features(), mask=MASKS["interior"]).dtype == dtype
    outputs = model.predict(features(), mask=MASKS["interior"])
    assert outputs.dtype == kind
    np.testing.assert_allclose(outputs, truth, rtol=0, atol=tolerance)


def tiny_spec(units: int, activation: str = "linear") -> ModelSpec:
    head = Node(name="head", layer=Dense(units=units, activation=activation))
    return ModelSpec((Node(name="x", layer=Input(shape=(INPUT,))), head))


SETTINGS = [
    pytest.param(
        lambda: SequenceClassifier(tiny_spec(2), task="sentiment"),  # type: ignore[arg-type]
        "task must be one of binary, multiclass, multilabel, regression; got 'sentiment'.",
        id="task",
    ),
    pytest.param(
        lambda: SequenceClassifier(tiny_spec(2), task="binary"),
        "a binary task needs a last layer of size 1; got 2. Use task 'multiclass'.",
        id="binary of two outputs",
    ),
    pytest.param(
        lambda: SequenceClassifier(tiny_spec(2), label_smoothing=1.0),
        "label_smoothing must be in [0, 1); got 1.0.",
        id="label_smoothing",
    ),
    pytest.param(
        lambda: SequenceClassifier(tiny_spec(1), task="binary", class_weights=[1.0]),
        "class_weights must have 2 numbers, one a class; got 1.",
        id="class_weights",
    ),
    pytest.param(
        lambda: classifier(engine="fast"),
        "engine must be one of auto, fused, native, triton, batched, scan; got 'fast'.",
        id="engine",
    ),
    pytest.param(
        lambda: classifier(learning_rate=0),
        "learning_rate must be positive; got 0.",
        id="learning_rate",
    ),
]


@pytest.mark.parametrize(("build", "message"), SETTINGS)
def test_settings_that_do_not_fit(build: Build, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build()


def test_the_engine_reaches_every_recurrent_layer() -> None:
    layers = classifier(num_layers=2, engine="scan").recurrent_layers
    assert list(layers) == ["bidirectional_1", "bidirectional_2"]
    assert {layer.engine().name for layer in layers.values()} == {"scan"}


def test_class_names_are_numbers_until_data_name_them() -> None:
    assert classifier("binary").class_names == ["0", "1"]
    assert classifier().class_names == [str(index) for index in range(CLASSES)]


@pytest.mark.parametrize("cell", CELLS)
def test_training_learns(cell: CellName, tmp_path: Path) -> None:
    model = PRESETS[cell](
        input_size=INPUT, hidden_size=HIDDEN, task="binary", learning_rate=0.03, dropout=0.1
    )
    data, trainer = TinySeries(count=40, batch_size=5), quiet_trainer(tmp_path, max_epochs=3)
    (before,) = trainer.validate(model, data, verbose=False)
    trainer.fit(model, data)
    (after,) = trainer.validate(model, data, verbose=False)
    assert after["val_loss"] < 0.5 * before["val_loss"]
    assert after["val_accuracy"] >= 0.9
    assert model.class_names == ["falling", "rising"]


@pytest.mark.parametrize(
    ("cell", "precision"),
    [*((cell, "bf16-mixed") for cell in PRESETS), ("gru", "64-true")],
)
def test_training_in_other_precisions(cell: CellName, precision: str, tmp_path: Path) -> None:
    model = PRESETS[cell](input_size=INPUT, hidden_size=HIDDEN, task="binary", learning_rate=0.03)
    trainer = quiet_trainer(tmp_path, max_epochs=2, precision=precision)
    data = TinySeries(count=40, batch_size=5)
    (before,) = trainer.validate(model, data, verbose=False)
    trainer.fit(model, data)
    (after,) = trainer.validate(model, data, verbose=False)
    assert after["val_loss"] < 0.7 * before["val_loss"]
    expected = torch.float64 if precision == "64-true" else torch.float32
    assert next(model.parameters()).dtype == expected


def linear_model(**settings: Any) -> SequenceClassifier:
    """Regression by one weight matrix ``(2, 3)``, its gradients known by hand."""
    model = SequenceClassifier(tiny_spec(2), task="regression", optimizer="sgd", **settings)
    randomise(model)
    return model


def one_step(model: SequenceClassifier, root: Path, **settings: Any) -> tuple[Tensor, Tensor]:
    """Weights ``(2, 3)`` after one step, and the gradient that the loss had before it."""
    inputs, labels = uniform(BATCH, INPUT, seed=1).float(), uniform(BATCH, 2, seed=2).float()
    weight, bias = (parameter.detach().clone() for parameter in model.parameters())
    # d/dW of mean over batch and outputs of (xWᵀ + b - y)²
    gradient = 2 * (inputs @ weight.T + bias - labels).T @ inputs / (BATCH * 2)
    trainer = quiet_trainer(root, max_steps=1, **settings)
    loader = loader_of(Batch(inputs, labels))
    trainer.fit(model, loader, loader)
    return next(model.parameters()).detach(), gradient


def test_weight_decay(tmp_path: Path) -> None:
    model = linear_model(learning_rate=0.1, weight_decay=0.3)
    before = next(model.parameters()).detach().clone()
    after, gradient = one_step(model, tmp_path)
    torch.testing.assert_close(after, before - 0.1 * (gradient + 0.3 * before))


def test_gradients_are_clipped_by_the_trainer(tmp_path: Path) -> None:
    model = linear_model(learning_rate=1.0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    one_step(model, tmp_path, gradient_clip_val=1e-2)
    pairs = zip(model.parameters(), before, strict=True)
    change = torch.cat([(new.detach() - old).flatten() for new, old in pairs])
    torch.testing.assert_close(change.norm(), torch.tensor(1e-2), rtol=1e-3, atol=0)


def test_the_trainer_predicts_what_predict_says(tmp_path: Path) -> None:
    model = BiLSTMClassifier(input_size=INPUT, hidden_size=HIDDEN, num_classes=CLASSES)
    batches = [Batch(features(seed).float(), mask=MASKS["interior"]) for seed in (1, 2)]
    outputs = quiet_trainer(tmp_path).predict(model, loader_of(*batches))
    assert outputs is not None
    for output, batch in zip(outputs, batches, strict=True):
        assert isinstance(output, Tensor)
        expected = model.predict(batch.inputs, mask=batch.mask)
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6)


def test_class_weights_and_smoothing_reach_the_loss() -> None:
    settings = {"class_weights": [0.25, 3.0], "label_smoothing": 0.125}
    model, labels = classifier("binary", **settings), torch.tensor([0, 1])
    targets, weights = torch.tensor([0.0625, 0.9375]), torch.tensor([0.25, 3.0])
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        model(features()), targets.double(), reduction="none"
    )
    torch.testing.assert_close(model.loss(Batch(features(), labels)), (losses * weights).mean())


def test_a_batch_without_labels_cannot_be_tested(tmp_path: Path) -> None:
    loader = loader_of(Batch(features().float()))
    with pytest.raises(ValueError, match=r"^the test batch has no labels; got inputs alone\.$"):
        quiet_trainer(tmp_path).test(classifier().float(), loader, verbose=False)
