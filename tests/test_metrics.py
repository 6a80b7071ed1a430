"""What a stage reports equals counts by hand, over the valid steps alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from birnn_lightning import SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.losses import Task
from birnn_lightning.metrics import (
    BATCHES_AT_ONCE,
    ClassReport,
    StageMetrics,
    class_reports,
)
from birnn_lightning.nn.specs import Dense, Input, ModelSpec, Node
from tests.nn.samples import randomise, rows, uniform
from tests.nn.training import loader_of, quiet_trainer

CLASSES, INPUT, TIME = 3, 5, 7


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """How often a positive example scores over a negative one; a tie counts half."""
    differences = scores[positive][:, None] - scores[~positive][None]
    return float(((differences > 0) + (differences == 0) / 2).mean())


def f1(predicted: np.ndarray, actual: np.ndarray) -> float:
    return float(2 * (predicted & actual).sum() / (predicted.sum() + actual.sum()))


def binary_by_hand(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    guesses, truths = scores > 0.5, labels == 1
    confusion = [[(~guesses & ~truths).sum(), (guesses & ~truths).sum()]]
    confusion.append([(~guesses & truths).sum(), (guesses & truths).sum()])
    return {
        "accuracy": (guesses == truths).mean(),
        "f1": f1(guesses, truths),
        "auroc": auroc(scores, truths),
        "confusion": np.array(confusion),
    }


def multiclass_by_hand(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    guesses, names = scores.argmax(-1), range(CLASSES)
    pairs = [[((labels == t) & (guesses == p)).sum() for p in names] for t in names]
    return {
        "accuracy": (guesses == labels).mean(),
        "f1": np.mean([f1(guesses == name, labels == name) for name in names]),
        "auroc": np.mean([auroc(scores[:, name], labels == name) for name in names]),
        "confusion": np.array(pairs),
    }


def multilabel_by_hand(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    parts = [binary_by_hand(scores[:, name], labels[:, name]) for name in range(CLASSES)]
    means = {name: np.mean([part[name] for part in parts]) for name in ("accuracy", "f1", "auroc")}
    return means | {"confusion": np.stack([part["confusion"] for part in parts])}


def regression_by_hand(outputs: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    return {"mse": ((outputs - labels) ** 2).mean(), "mae": np.abs(outputs - labels).mean()}


BY_HAND = {
    "binary": binary_by_hand,
    "multiclass": multiclass_by_hand,
    "multilabel": multilabel_by_hand,
    "regression": regression_by_hand,
}
TASKS = [pytest.param(task, id=task) for task in BY_HAND]
ACTIVATIONS = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multilabel": "sigmoid",
    "regression": "linear",
}
# The last batch is shorter: its loss counts for less. Valid steps lie anywhere.
MASKS = (
    rows("xxxxxxx", "x..xx.x", "......x", ".xx.x.."),
    rows("xxx....", "..xxxxx"),
)


def labels_for(task: Task, shape: tuple[int, ...], seed: int) -> Tensor:
    """Labels of every kind; every class occurs in the 6 examples, and in the 42 steps."""
    count = int(np.prod(shape))
    classes = (torch.arange(count) * 5 + seed).reshape(shape)
    if task == "binary":
        return classes % 2
    if task == "multiclass":
        return classes % CLASSES
    if task == "multilabel":
        return (uniform(*shape, CLASSES, seed=seed) > 0).float()
    return uniform(*shape, CLASSES, seed=seed)


def classifier(task: Task, input_shape: tuple[int | None, ...]) -> SequenceClassifier:
    """A float64 classifier by one dense layer of random weights, over the last axis."""
    units = 1 if task == "binary" else CLASSES
    head = Dense(units=units, activation=ACTIVATIONS[task])
    nodes = (Node(name="x", layer=Input(shape=input_shape)), Node(name="head", layer=head))
    model = SequenceClassifier(ModelSpec(nodes), task=task).double()
    randomise(model)
    return model


def measured(model: SequenceClassifier, root: Path, *batches: Batch) -> dict[str, Any]:
    """What the Trainer reports of a test, and the confusion matrix."""
    (reported,) = quiet_trainer(root).test(model, loader_of(*batches), verbose=False)
    results: dict[str, Any] = {
        name.removeprefix("test_"): value for name, value in reported.items()
    }
    return results if model.confusion is None else results | {"confusion": model.confusion}


def sequences(task: Task) -> tuple[Batch, Batch]:
    first, second = (
        Batch(uniform(count, INPUT, seed=seed), labels_for(task, (count,), seed))
        for count, seed in ((4, 1), (2, 2))
    )
    return first, second


def steps(task: Task) -> tuple[Batch, Batch]:
    first, second = (
        Batch(
            uniform(len(mask), TIME, INPUT, seed=seed),
            labels_for(task, tuple(mask.shape), seed),
            mask,
        )
        for seed, mask in enumerate(MASKS)
    )
    return first, second


def together(first: Batch, second: Batch) -> Batch:
    """Two batches as one."""
    pairs = zip(first, second, strict=True)
    return Batch(*(torch.cat([a, b]) for a, b in pairs if a is not None and b is not None))


def assert_reported(results: dict[str, Any], outputs: Tensor, labels: Tensor, task: Task) -> None:
    expected = BY_HAND[task](outputs.numpy(), labels.numpy())
    assert results.keys() == expected.keys() | {"loss"}
    for name, value in expected.items():
        np.testing.assert_allclose(results[name], value, rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("task", TASKS)
def test_one_label_a_sequence(task: Task, tmp_path: Path) -> None:
    model, batches = classifier(task, (INPUT,)), sequences(task)
    results = measured(model, tmp_path, *batches)
    outputs = torch.cat([torch.from_numpy(model.predict(batch.inputs)) for batch in batches])
    labels = torch.cat([batch.labels for batch in batches if batch.labels is not None])
    assert_reported(results, outputs.squeeze(-1), labels, task)


@pytest.mark.parametrize("task", TASKS)
def test_one_label_a_step_counts_valid_steps(task: Task, tmp_path: Path) -> None:
    model, batches = classifier(task, (None, INPUT)), steps(task)
    padded = [
        batch._replace(
            labels=batch.labels.masked_fill(~mask[(..., *(None,) * (batch.labels.dim() - 2))], -100)
        )
        for batch, mask in zip(batches, MASKS, strict=True)
        if batch.labels is not None
    ]
    results = measured(model, tmp_path, *padded)
    outputs, labels = [], []
    for batch, mask in zip(batches, MASKS, strict=True):
        assert batch.labels is not None
        outputs.append(torch.from_numpy(model.predict(batch.inputs))[mask])
        labels.append(batch.labels[mask])
    assert_reported(results, torch.cat(outputs).squeeze(-1), torch.cat(labels), task)


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_is_the_mean_over_all_examples(task: Task, tmp_path: Path) -> None:
    model, (first, second) = classifier(task, (INPUT,)), sequences(task)
    whole = together(first, second)
    parts = measured(model, tmp_path, first, second)["loss"]
    assert parts == pytest.approx(measured(model, tmp_path, whole)["loss"], abs=1e-6)
    alone = [measured(model, tmp_path, batch)["loss"] for batch in (first, second)]
    assert abs(parts - sum(alone) / 2) > 1e-4, "the shorter batch counted as much"


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_of_tagging_is_the_mean_over_all_valid_steps(task: Task, tmp_path: Path) -> None:
    model, (first, second) = classifier(task, (None, INPUT)), steps(task)
    whole = together(first, second)
    parts = measured(model, tmp_path, first, second)["loss"]
    assert parts == pytest.approx(measured(model, tmp_path, whole)["loss"], abs=1e-6)


def test_confusion_is_none_before_a_test_and_for_regression(tmp_path: Path) -> None:
    assert classifier("binary", (INPUT,)).confusion is None
    model = classifier("regression", (INPUT,))
    measured(model, tmp_path, *sequences("regression"))
    assert model.confusion is None


def test_a_second_test_starts_anew(tmp_path: Path) -> None:
    model, batches = classifier("multiclass", (INPUT,)), sequences("multiclass")
    first, second = (measured(model, tmp_path, *batches) for _ in range(2))
    assert torch.equal(first.pop("confusion"), second.pop("confusion"))
    assert first == second


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_measured_before_it_is_trained(task: Task, tmp_path: Path) -> None:
    model, loader = classifier(task, (INPUT,)), loader_of(*sequences(task))
    trainer = quiet_trainer(tmp_path, max_epochs=1)
    (before,) = trainer.validate(model, loader, verbose=False)
    trainer.fit(model, loader, loader)
    (after,) = trainer.validate(model, loader, verbose=False)
    assert before.keys() == after.keys()
    assert before["val_loss"] != after["val_loss"]


def test_a_stage_without_batches_has_no_values() -> None:
    assert StageMetrics("binary", 2).compute("train") == {}


def test_probabilities_are_not_taken_for_logits(tmp_path: Path) -> None:
    """Logits that all lie in [0, 1] are positive: every example is predicted 1."""
    model = classifier("binary", (1,))
    with torch.no_grad():
        model.get_parameter("model.layers.head.weight").fill_(1.0)
        model.get_parameter("model.layers.head.bias").zero_()
    inputs = torch.tensor([[0.1], [0.2], [0.8], [0.9]], dtype=torch.float64)
    batch = Batch(inputs, torch.tensor([0, 1, 0, 1]))
    assert measured(model, tmp_path, batch)["confusion"].tolist() == [[0, 2], [0, 2]]


CONFUSION = torch.tensor([[3, 1, 0], [2, 0, 0], [1, 0, 0]])
REPORTS = [
    ClassReport(name="a", precision=3 / 6, recall=3 / 4, f1=2 * 3 / 10, support=4),
    ClassReport(name="b", precision=0, recall=0, f1=0, support=2),
    ClassReport(name="c", precision=0, recall=0, f1=0, support=1),
]


def test_class_reports() -> None:
    assert class_reports(CONFUSION, ["a", "b", "c"]) == REPORTS


def test_class_reports_of_multilabel() -> None:
    confusion = torch.tensor([[[5, 2], [1, 3]], [[7, 0], [4, 0]]])
    assert class_reports(confusion, ["a", "b"]) == [
        ClassReport(name="a", precision=3 / 5, recall=3 / 4, f1=2 * 3 / 9, support=4),
        ClassReport(name="b", precision=0, recall=0, f1=0, support=4),
    ]


def test_class_reports_need_a_name_for_each_class() -> None:
    with pytest.raises(ValueError, match=r"argument 2 is longer|shorter"):
        class_reports(CONFUSION, ["a", "b"])


def test_many_batches_are_few_updates_of_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 2 * BATCHES_AT_ONCE + 3
    outputs = uniform(count, 5, CLASSES, seed=1).softmax(-1)
    labels = labels_for("multiclass", (count, 5), seed=2)
    metrics, sizes = StageMetrics("multiclass", CLASSES), []
    take_in = MetricCollection.update

    def counted(collection: MetricCollection, outputs: Tensor, labels: Tensor) -> None:
        sizes.append(len(outputs))
        take_in(collection, outputs, labels)

    monkeypatch.setattr(MetricCollection, "update", counted)
    for batch in zip(outputs, labels, strict=True):
        metrics.update("test", *batch, None)
    metrics.update_loss("test", torch.tensor(0.5), count)
    confusion = metrics.compute_confusion()
    assert confusion is not None
    values = {"confusion": confusion} | metrics.compute("test")
    assert sizes == [5 * BATCHES_AT_ONCE, 5 * BATCHES_AT_ONCE, 5 * 3]
    by_hand = multiclass_by_hand(outputs.flatten(0, 1).numpy(), labels.flatten().numpy())
    for name, value in by_hand.items():
        found = values[name if name == "confusion" else f"test_{name}"]
        np.testing.assert_allclose(found, value, rtol=0, atol=1e-6, err_msg=name)
    assert metrics.compute("test") == {}
