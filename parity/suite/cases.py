"""The classifiers that a grid checks, as data."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import torch

from birnn_lightning.losses import Task
from birnn_lightning.nn.specs import CELL_NAMES, CellName
from birnn_lightning.presets import PRESETS, BidirectionalClassifier, Pooling
from parity.inputs import randomise_weights

# Sizes are distinct primes, so that no shape agrees by chance.
VOCAB_SIZE, EMBEDDING_DIM, INPUT_SIZE, HIDDEN_SIZE, NUM_CLASSES = 23, 3, 3, 5, 7

INPUTS: dict[str, dict[str, Any]] = {
    "tokens, masked": {
        "vocab_size": VOCAB_SIZE,
        "embedding_dim": EMBEDDING_DIM,
        "mask_zero": True,
    },
    "tokens": {"vocab_size": VOCAB_SIZE, "embedding_dim": EMBEDDING_DIM, "mask_zero": False},
    "features": {"input_size": INPUT_SIZE},
    "features, mask value": {"input_size": INPUT_SIZE, "mask_value": 0.0},
    "features, lengths": {"input_size": INPUT_SIZE},
}
POOLINGS = (*get_args(Pooling), "tagging")
TASKS: tuple[Task, ...] = ("binary", "multiclass", "multilabel", "regression")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One preset to compare with its twin.

    Attributes:
        cell: which preset.
        inputs: a key of `INPUTS`; ``"features, lengths"`` gives both models the mask apart.
        pooling: a pooling, or ``"tagging"`` for a label a step.
        task: of the head.
        num_layers: depth.
        dtype: ``"float32"`` (compared in both precisions) or ``"float64"``.
    """

    cell: CellName
    inputs: str = "tokens, masked"
    pooling: str = "last"
    task: Task = "multiclass"
    num_layers: int = 2
    dtype: str = "float32"

    @property
    def name(self) -> str:
        """How reports call it."""
        layers = f"{self.num_layers} layer{'s' if self.num_layers > 1 else ''}"
        dtype = "" if self.dtype == "float32" else f", {self.dtype}"
        return f"{self.cell}, {layers}, {self.inputs}, {self.pooling}, {self.task}{dtype}"

    @property
    def explicit_mask(self) -> bool:
        """Whether the mask is given apart from the inputs."""
        return self.inputs == "features, lengths"

    def build(self) -> BidirectionalClassifier:
        """The classifier, every weight random."""
        settings: dict[str, Any] = dict(INPUTS[self.inputs])
        if self.pooling == "tagging":
            settings["tagging"] = True
        else:
            settings["pooling"] = self.pooling
        if self.task != "binary":
            settings["num_classes"] = NUM_CLASSES
        model = PRESETS[self.cell](
            hidden_size=HIDDEN_SIZE,
            num_layers=self.num_layers,
            dropout=0.5,  # inference must not drop anything
            task=self.task,
            **settings,
        ).to(getattr(torch, self.dtype))
        randomise_weights(model)
        return model


def every_case() -> tuple[Case, ...]:
    """All axes together."""
    axes = itertools.product(CELL_NAMES, INPUTS, POOLINGS, TASKS, (1, 2, 3))
    return tuple(
        Case(cell=cell, inputs=inputs, pooling=pooling, task=task, num_layers=depth)
        for cell, inputs, pooling, task, depth in axes
    )


def quick_cases() -> tuple[Case, ...]:
    """One axis at a time."""
    return tuple(dict.fromkeys(_quick_cases()))


def _quick_cases() -> Iterator[Case]:
    for number, cell in enumerate(CELL_NAMES):
        for inputs in INPUTS:
            yield Case(cell=cell, inputs=inputs)
        for pooling in POOLINGS:
            yield Case(cell=cell, pooling=pooling)
        # What comes after the recurrent layers is the same code for every cell.
        for pooling in POOLINGS[number :: len(CELL_NAMES)]:
            yield Case(cell=cell, pooling=pooling, inputs="features, lengths")
        for task in TASKS[number :: len(CELL_NAMES)]:
            yield Case(cell=cell, task=task, inputs="features")
        yield Case(cell=cell, num_layers=1)
        yield Case(cell=cell, num_layers=3)
        yield Case(cell=cell, dtype="float64")
