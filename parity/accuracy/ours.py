"""An experiment trained by the Lightning Trainer, from our own initial weights."""

import logging
import time
import warnings
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader, TensorDataset

from birnn_lightning.cli.training import silence_advertisements
from birnn_lightning.module import SequenceClassifier
from parity.accuracy.experiment import Arrays, Experiment, Run, accuracy, build_spec

OPTIMIZER: Any = "keras_adam"


def train(experiment: Experiment, arrays: Arrays, seed: int) -> Run:
    """Trains once.

    Args:
        experiment: the settings.
        arrays: the data.
        seed: of everything random.
    """
    silence_advertisements()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="You defined a `validation_step`")
    L.seed_everything(seed, verbose=False)
    model = SequenceClassifier(
        build_spec(experiment, arrays),
        arrays.task,
        optimizer=OPTIMIZER,
        learning_rate=experiment.learning_rate,
        embedding_gradients=experiment.embedding_gradients,
    )
    examples = TensorDataset(
        torch.from_numpy(arrays.train_inputs), torch.from_numpy(arrays.train_labels)
    )
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=experiment.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    started = time.monotonic()
    trainer.fit(model, DataLoader(examples, experiment.batch_size, shuffle=True))
    seconds = time.monotonic() - started
    return Run(
        seed=seed,
        accuracy=accuracy(model.predict(arrays.test_inputs), arrays.test_labels),
        loss=float(trainer.callback_metrics["train_loss_epoch"]),
        seconds=seconds,
    )
