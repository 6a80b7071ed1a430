"""What training, validation and test do with a batch: its loss, its metrics, what is logged."""

from torch import Tensor
from torch.optim import Optimizer

from birnn_lightning.data.batch import Batch
from birnn_lightning.inputs import Array, Arrays
from birnn_lightning.losses import LossFrom, Task, class_indices, sequence_loss
from birnn_lightning.metrics import StageMetrics
from birnn_lightning.nn import Masked
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.prediction import PredictingModule


class SupervisedModule(PredictingModule):
    """A module whose model learns from labelled batches.

    Attributes:
        metrics: what is measured at each stage.
        task: what the labels are.
        label_smoothing: see `sequence_loss`.
        loss_from: see `sequence_loss`.
        class_weights: ``(classes,)``, or None.
        confusion: the confusion matrix ``(C, C)`` (rows true) after a test; None before.
    """

    metrics: StageMetrics
    task: Task
    label_smoothing: float
    loss_from: LossFrom
    class_weights: Tensor | None
    confusion: Tensor | None

    @property
    def missing_activation(self) -> str:
        """What makes probabilities of the last layer's output; ``"linear"`` where it is some."""
        raise NotImplementedError

    @property
    def tagging(self) -> bool:
        """Whether every step has a label."""
        raise NotImplementedError

    def masked_logits(self, inputs: Arrays, lengths: Array | None, mask: Array | None) -> Masked:
        """The logits, and the mask that belongs to their time axis."""
        raise NotImplementedError

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        return self._shared_step(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measures a batch."""
        self._shared_step(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Measures a batch."""
        self._shared_step(batch, "test")

    def loss(self, batch: Batch) -> Tensor:
        """What training lowers: the mean loss of a batch, and what regularisers add to it."""
        return self._computed(batch, "train")[0]

    def _computed(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """``(loss, logits, labels, mask)``; a mask only where every step has a label."""
        inputs, labels, mask, sample_weights = Batch(*batch)
        if labels is None:
            raise ValueError(f"the {stage} batch has no labels; got inputs alone.")
        logits, mask = self.masked_logits(inputs, None, mask)
        mask = mask if self.tagging else None
        if mask is not None:
            labels = labels.masked_fill(~mask[(..., *(None,) * (labels.dim() - 2))], 0)
        loss = sequence_loss(
            self.task,
            logits if self._loss_of_logits() else self.probabilities(logits),
            labels,
            mask=mask,
            sample_weights=sample_weights,
            class_weights=self.class_weights if stage == "train" else None,
            label_smoothing=self.label_smoothing,
            loss_from=self.loss_from,
        )
        if self.model.is_regularized:
            loss = loss + self.model.regularization_loss()
        return loss, logits, labels, mask

    def _loss_of_logits(self) -> bool:
        return self.loss_from == "logits" and self.task != "regression"

    def _shared_step(self, batch: Batch, stage: str) -> Tensor:
        """Loss and metrics of one batch."""
        loss, logits, labels, mask = self._computed(batch, stage)
        outputs = self.probabilities(logits.detach().float())
        outputs = ACTIVATIONS[self.missing_activation](outputs)
        self.metrics.update(stage, outputs, class_indices(self.task, logits, labels), mask)
        size = len(labels) if mask is None else int(mask.sum())
        if stage == "train":
            self.log(
                "train_loss", loss, on_step=True, on_epoch=True, prog_bar=True, batch_size=size
            )
        else:
            self.metrics.update_loss(stage, loss, size)
        return loss

    def constrained(self, optimizer: Optimizer) -> Optimizer:
        """The optimiser, after whose every step the weights satisfy their constraints."""
        if self.model.is_constrained:
            optimizer.register_step_post_hook(lambda *_: self.model.apply_constraints())
        return optimizer

    def _log_metrics(self, stage: str) -> None:
        self.log_dict(self.metrics.compute(stage), prog_bar=stage == "val", sync_dist=True)

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's training metrics."""
        self._log_metrics("train")

    def on_validation_epoch_end(self) -> None:
        """Logs the validation metrics."""
        self._log_metrics("val")

    def on_test_epoch_end(self) -> None:
        """Logs the test metrics and keeps the confusion matrix."""
        self._log_metrics("test")
        self.confusion = self.metrics.compute_confusion()
