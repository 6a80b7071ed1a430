"""What is measured at each stage, by torchmetrics, from probabilities."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryConfusionMatrix,
    BinaryF1Score,
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MultilabelAccuracy,
    MultilabelAUROC,
    MultilabelConfusionMatrix,
    MultilabelF1Score,
)

from birnn_lightning.losses import Task

BATCHES_AT_ONCE = 32
"""Batches that torchmetrics takes in together: one update costs as much as a small model's step."""


def build_metrics(task: Task, num_classes: int, stage: str) -> MetricCollection:
    """Accuracy (over all examples), F1 and AUROC (mean over classes), named ``<stage>_accuracy``...

    Args:
        task: which family; regression has ``mse`` and ``mae`` instead.
        num_classes: size of the class axis; 2 for binary.
        stage: ``"train"``, ``"val"`` or ``"test"``.
    """
    metrics: dict[str, Metric | MetricCollection]
    if task == "binary":
        metrics = {"accuracy": BinaryAccuracy(), "f1": BinaryF1Score(), "auroc": BinaryAUROC()}
    elif task == "multiclass":
        metrics = {
            "accuracy": MulticlassAccuracy(num_classes, average="micro"),
            "f1": MulticlassF1Score(num_classes, average="macro"),
            "auroc": MulticlassAUROC(num_classes, average="macro"),
        }
    elif task == "multilabel":
        metrics = {
            "accuracy": MultilabelAccuracy(num_classes, average="micro"),
            "f1": MultilabelF1Score(num_classes, average="macro"),
            "auroc": MultilabelAUROC(num_classes, average="macro"),
        }
    else:
        metrics = {"mse": MeanSquaredError(), "mae": MeanAbsoluteError()}
    return MetricCollection(metrics, prefix=f"{stage}_")


def build_confusion(task: Task, num_classes: int) -> Metric | None:
    """The confusion matrix of a task: ``(C, C)``, or ``(C, 2, 2)`` for multilabel; else None."""
    if task == "binary":
        return BinaryConfusionMatrix()
    if task == "multiclass":
        return MulticlassConfusionMatrix(num_classes)
    if task == "multilabel":
        return MultilabelConfusionMatrix(num_classes)
    return None


class MeanLoss(Metric):
    """The mean loss of all examples in all processes.

    Lightning's own mean rounds the number of examples of one process down to an integer.
    """

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        """Starts without examples."""
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, loss: Tensor, count: int) -> None:
        """Takes in the mean loss of ``count`` examples, or steps of them."""
        self.total = self.total + loss * count
        self.count = self.count + count

    def compute(self) -> Tensor:
        """The mean."""
        return self.total / self.count


class StageMetrics(nn.Module):
    """The metrics of training, validation and test, and the test's confusion matrix.

    Attributes:
        losses: the mean loss of validation and of test.
    """

    def __init__(self, task: Task, num_classes: int) -> None:
        """Builds them; see `build_metrics` for the arguments."""
        super().__init__()
        self.task = task
        for stage in ("train", "val", "test"):
            self.add_module(f"{stage}_metrics", build_metrics(task, num_classes, stage))
        self.confusion = build_confusion(task, num_classes)
        self.losses = nn.ModuleDict({stage: MeanLoss() for stage in ("val", "test")})
        self._waiting: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def update_loss(self, stage: str, loss: Tensor, count: int) -> None:
        """Takes in the mean loss of a batch: of ``count`` examples, or steps of them."""
        self._loss(stage).update(loss.detach(), count)

    def update(self, stage: str, outputs: Tensor, labels: Tensor, mask: Tensor | None) -> None:
        """Takes in a batch, which may wait until there are several; the tensors must not change.

        Args:
            stage: ``"train"``, ``"val"`` or ``"test"``.
            outputs: probabilities, since torchmetrics takes logits in [0, 1] for probabilities;
                ``(batch, ...)``, with the class axis last unless binary.
            labels: class indices, or the outputs' shape for multilabel and regression.
            mask: ``(batch, time)``: which steps count, where every step has a label.
        """
        if mask is not None:
            outputs, labels = outputs[mask], labels[mask]
        if self.task == "binary":
            outputs, labels = outputs.flatten(), labels.flatten()
        else:
            outputs = outputs.flatten(0, -2)
            labels = labels.flatten() if self.task == "multiclass" else labels.flatten(0, -2)
        if self.task != "regression":
            labels = labels.long()
        waiting = self._waiting.setdefault(stage, [])
        waiting.append((outputs, labels))
        if len(waiting) >= BATCHES_AT_ONCE:
            self._take_in(stage)

    def _take_in(self, stage: str) -> None:
        """Hands the batches that wait to torchmetrics, as one."""
        waiting = self._waiting.pop(stage, [])
        if not waiting:
            return
        outputs, labels = (torch.cat(parts) for parts in zip(*waiting, strict=True))
        self._collection(stage).update(outputs, labels)
        if stage == "test" and self.confusion is not None:
            self.confusion.update(outputs, labels)

    def compute(self, stage: str) -> dict[str, Tensor]:
        """The stage's values over all processes by name; starts anew.

        Nothing where no batch was taken in: Lightning may end an epoch that a checkpoint had ended.
        """
        self._take_in(stage)
        collection = self._collection(stage)
        if not any(metric.update_called for metric in collection.values()):
            return {}
        with warnings.catch_warnings():
            # The AUROC of a class that did not occur, which torchmetrics takes for 0.
            warnings.filterwarnings("ignore", message="No (positive|negative) samples in targets")
            warnings.filterwarnings("ignore", message=".*for one or more classes was `nan`")
            values = collection.compute()
        _reset(collection)
        if stage in self.losses:
            values[f"{stage}_loss"] = self._loss(stage).compute()
            _reset(self._loss(stage))
        return values

    def compute_confusion(self) -> Tensor | None:
        """The confusion matrix over all processes (None for regression); starts anew."""
        if self.confusion is None:
            return None
        self._take_in("test")
        confusion = self.confusion.compute().cpu()
        _reset(self.confusion)
        return confusion

    def _loss(self, stage: str) -> MeanLoss:
        loss = self.losses[stage]
        assert isinstance(loss, MeanLoss)
        return loss

    def _collection(self, stage: str) -> MetricCollection:
        collection = self.get_submodule(f"{stage}_metrics")
        assert isinstance(collection, MetricCollection)
        return collection


@torch.inference_mode(False)
def _reset(metric: Metric | MetricCollection) -> None:
    """Starts anew; `Trainer.validate` else leaves a state that nothing but itself may change."""
    metric.reset()


@dataclass(frozen=True, kw_only=True)
class ClassReport:
    """How well one class is found.

    Attributes:
        name: the class.
        precision: true positives / predicted positives; 0 where none was predicted.
        recall: true positives / actual positives; 0 where there is none.
        f1: their harmonic mean; 0 where both are 0.
        support: actual positives.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def class_reports(confusion: Tensor, class_names: list[str]) -> list[ClassReport]:
    """One report a class, read off a confusion matrix (rows true, columns predicted).

    Args:
        confusion: ``(C, C)`` counts, or ``(C, 2, 2)`` for multilabel.
        class_names: C names.
    """
    if confusion.dim() == 3:
        hits, predicted, actual = (
            confusion[:, 1, 1],
            confusion[:, :, 1].sum(1),
            confusion[:, 1].sum(1),
        )
    else:
        hits, predicted, actual = confusion.diagonal(), confusion.sum(0), confusion.sum(1)
    reports = []
    for name, hit, guess, truth in zip(
        class_names, hits.tolist(), predicted.tolist(), actual.tolist(), strict=True
    ):
        reports.append(
            ClassReport(
                name=name,
                precision=hit / max(guess, 1),
                recall=hit / max(truth, 1),
                f1=2 * hit / max(guess + truth, 1),
                support=int(truth),
            )
        )
    return reports
