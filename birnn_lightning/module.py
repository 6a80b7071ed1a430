"""A sequence classifier is a model spec under the Lightning Trainer."""

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer

from birnn_lightning.heads import check_head, missing_activation
from birnn_lightning.inputs import Array, Arrays, masked_inputs
from birnn_lightning.losses import (
    TASKS,
    LossFrom,
    Task,
    check_loss_settings,
)
from birnn_lightning.metrics import StageMetrics
from birnn_lightning.nn import Masked, RecurrentLayer, SequenceModel
from birnn_lightning.nn.cuda_graphs import CudaGraphs
from birnn_lightning.nn.layers import Embedding
from birnn_lightning.nn.parts import first_parameter
from birnn_lightning.nn.specs import ModelSpec
from birnn_lightning.optim import KerasOptimizer, OptimizerConfig, end_epoch
from birnn_lightning.steps import SupervisedModule


class SequenceClassifier(SupervisedModule):
    """Classifies sequences, or every step of them, with any model spec.

    Args:
        spec: the model; its last layer's size is the number of classes (1 for binary).
        task: ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
        class_weights: factor of the training loss by class, as Keras's ``fit(class_weight=)`` has
            it; the mean still divides by the examples, and validation does not weigh.
        label_smoothing: from 0 to 1: how far labels move towards the uniform distribution.
        loss_from: ``logits``, as Keras on TensorFlow behind the task's sigmoid or softmax, which
            the last layer must have, or none; or ``probabilities``, which are clipped as Keras
            clips what it finds no logits behind. A regression's is of what the last layer makes.
        engine: ``auto``, or the engine that every recurrent layer shall use.
        cuda_graphs: whether a GPU records its passes over batches of one shape and replays them:
            see `birnn_lightning.nn.cuda_graphs`. Gradients then cannot be differentiated again.
        optimizer: the fields of `OptimizerConfig`.

    Attributes:
        model: the torch module.
        preprocessing: turns raw examples into batches; None until trained with a data module.
        confusion: the confusion matrix ``(C, C)`` (rows true) after a test; None before.
    """

    def __init__(
        self,
        spec: ModelSpec,
        task: Task = "multiclass",
        *,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        loss_from: LossFrom = "logits",
        engine: str = "auto",
        cuda_graphs: bool = False,
        **optimizer: Any,
    ) -> None:
        """Builds and initialises the model."""
        super().__init__()
        self.optimizer_config = OptimizerConfig(**optimizer)
        self.task: Task = task
        self.label_smoothing = label_smoothing
        self.loss_from: LossFrom = loss_from
        self.engine = engine
        self.cuda_graphs = cuda_graphs
        self._graphs = CudaGraphs()
        self.model = SequenceModel(spec)
        self.output_shape = spec.shapes()[spec.outputs[0]]
        self._check_settings(class_weights)
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights, persistent=False)
        for layer in self.recurrent_layers.values():
            layer.requested_engine = engine
            layer.check_engine()  # on the machine that it is later moved to
        self.metrics = StageMetrics(task, self.num_classes)
        self.confusion: Tensor | None = None
        self.hparams.update(self.to_config())

    def _check_settings(self, class_weights: Sequence[float] | None) -> None:
        """Raises ValueError where the settings do not fit the model."""
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}; got {self.task!r}.")
        if self.task == "binary" and self.output_shape[-1] != 1:
            raise ValueError(
                f"a binary task needs a last layer of size 1; got {self.output_shape[-1]}. "
                "Use task 'multiclass'."
            )
        check_loss_settings(
            self.task, self.num_classes, class_weights, self.label_smoothing, self.loss_from
        )
        check_head(self.task, self.spec, self.loss_from)

    @property
    def spec(self) -> ModelSpec:
        """The model's spec."""
        return self.model.spec

    @property
    def missing_activation(self) -> str:
        """What makes probabilities of what `predict` returns; ``"linear"`` where it does."""
        return missing_activation(self.task, self.spec, self.loss_from)

    @property
    def num_classes(self) -> int:
        """Number of classes: 2 for binary, else the size of the last layer."""
        size = self.output_shape[-1]
        assert size is not None
        return 2 if self.task == "binary" else size

    @property
    def tagging(self) -> bool:
        """Whether every step has a label."""
        return len(self.output_shape) == 2

    @property
    def class_names(self) -> list[str]:
        """The data's names of the classes, or their numbers."""
        names = self.preprocessing.class_names if self.preprocessing else ()
        return list(names) or [str(index) for index in range(self.num_classes)]

    @property
    def recurrent_layers(self) -> dict[str, RecurrentLayer]:
        """The recurrent layers by node name, in the order of computation.

        One inside another layer or model has the names of both, ``<outer>/<inner>``.
        """
        return {
            "/".join(part for part in name.split(".") if part not in ("layers", "model")): layer
            for name, layer in self.model.named_modules()
            if isinstance(layer, RecurrentLayer)
        }

    def forward(
        self, inputs: Arrays, lengths: Array | None = None, mask: Array | None = None
    ) -> Any:
        """The logits.

        Args:
            inputs: tokens ``(batch, time)`` or features ``(batch, time, input_size)``; a list for a
                model of several inputs.
            lengths: ``(batch,)``: valid steps of right-padded sequences, each at least 1.
            mask: ``(batch, time)`` bool, True where a step is valid.

        Returns:
            ``(batch,)`` for binary, ``(batch, num_classes)`` otherwise; with a time axis after the
            batch axis when every step has a label. A tuple for a model of several outputs, each in
            its layer's shape.

        Raises:
            ValueError: an argument's shape, type or value does not fit.
        """
        if len(self.spec.outputs) > 1:
            return tuple(one.values for one in self.masked_outputs(inputs, lengths, mask))
        return self.masked_logits(inputs, lengths, mask).values

    def masked_logits(self, inputs: Arrays, lengths: Array | None, mask: Array | None) -> Masked:
        """The logits of `forward`, and the mask that belongs to their time axis.

        Raises:
            ValueError: the model has several outputs, so that there is no one loss.
        """
        logits, *others = self.masked_outputs(inputs, lengths, mask)
        if others:
            raise ValueError(
                f"the model has {len(self.spec.outputs)} outputs "
                f"({', '.join(self.spec.outputs)}); training and evaluation need one. Take "
                "spec.with_output(name), or parity.from_keras(path, output=name)."
            )
        return (
            logits._replace(values=logits.values.squeeze(-1)) if self.task == "binary" else logits
        )

    def masked_outputs(
        self, inputs: Arrays, lengths: Array | None = None, mask: Array | None = None
    ) -> tuple[Masked, ...]:
        """The logits of every output, each in its layer's shape, with their masks."""
        given = masked_inputs(self.spec, inputs, lengths, mask, first_parameter(self))
        found = self._graphs(self.model, given) if self.cuda_graphs else self.model(given)
        return (found,) if isinstance(found, Masked) else found

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Moves or converts every tensor; recordings of where they were are forgotten."""
        self._graphs = CudaGraphs()
        return super()._apply(fn, recurse)

    def reset_states(self) -> None:
        """Makes every stateful layer start from zeros again, as Keras's method of this name."""
        self.model.reset_states()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """What `OptimizerConfig` says, fused unless a gradient scaler forbids it.

        Raises:
            ValueError: several processes shall exchange gradients that they cannot exchange.
        """
        unsummed = self.optimizer_config.embedding_gradients == "keras_tensorflow"
        if unsummed and self.trainer.world_size > 1:
            raise ValueError(
                "embedding_gradients 'keras_tensorflow' is for one process: several exchange sums. "
                f"There are {self.trainer.world_size}. Use 'summed', or --trainer.devices 1."
            )
        optimizer = self.build_optimizer(fused=self.trainer.precision != "16-mixed")
        schedule: Any = self.optimizer_config.build_schedule(optimizer, self._training_length)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def build_optimizer(self, *, fused: bool) -> Optimizer:
        """The optimiser of this model's parameters, which keeps their constraints.

        Args:
            fused: whether to use torch's fused kernel where there is one.
        """
        config = self.optimizer_config
        for layer in self.modules():
            if isinstance(layer, Embedding):
                layer.sparse_gradients = config.embedding_gradients == "keras_tensorflow"
        optimizer = config.build(
            self.model.named_parameters(),
            variables=[variable.parameters for variable in self.model.variables()],
            fused=fused,
        )
        return self.constrained(optimizer)

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's training metrics, which a plateau may wait for."""
        super().on_train_epoch_end()
        end_epoch(self.trainer)

    def on_train_end(self) -> None:
        """Puts the averages of the weights in their place, where a Keras optimiser keeps any."""
        for optimizer in self.trainer.optimizers:
            if isinstance(optimizer, KerasOptimizer):
                optimizer.finalize_variable_values()

    def _training_length(self) -> tuple[float, float]:
        """Optimiser steps of the whole training and of one epoch, infinite where there is no end.

        Asked in `configure_optimizers`, the Trainer would make its loaders at once: too early to
        give a resumed one its place back.
        """
        total = self.trainer.estimated_stepping_batches
        epoch = self.trainer.num_training_batches / self.trainer.accumulate_grad_batches
        return (
            total if total >= 0 else math.inf,
            math.ceil(epoch) if math.isfinite(epoch) else math.inf,
        )

    def to_config(self) -> dict[str, Any]:
        """The constructor's arguments as primitives; `from_config` is the inverse."""
        weights = self.class_weights
        return {
            "spec": self.spec.to_config(),
            "task": self.task,
            "class_weights": None if weights is None else weights.tolist(),
            "label_smoothing": self.label_smoothing,
            "loss_from": self.loss_from,
            "engine": self.engine,
            "cuda_graphs": self.cuda_graphs,
            **self.optimizer_config.to_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A freshly initialised classifier of this class from `to_config`'s primitives."""
        classifier = cls.__new__(cls)
        spec = ModelSpec.from_config(config["spec"])
        # A preset's own constructor takes sizes; its checkpoint holds the spec they led to.
        SequenceClassifier.__init__(classifier, **{**config, "spec": spec})
        return classifier
