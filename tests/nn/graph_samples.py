"""Classifiers and batches whose passes are recorded."""

from typing import Any

import torch
from torch import Tensor

from birnn_lightning import BiGRUClassifier, SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.nn import specs
from birnn_lightning.nn.cuda_graphs.recording import Recording
from birnn_lightning.nn.specs import ModelSpec, Node
from tests.nn.samples import BATCH, CLASSES, HIDDEN, INPUT, TIME, randomise

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
VOCABULARY = 23
TOLERANCE = 1e-12  # a replay launches the same kernels on the same numbers


def classifier(cuda_graphs: bool = True, **settings: Any) -> SequenceClassifier:
    """Features or tokens, two layers, every weight random."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": HIDDEN, "num_layers": 2, "num_classes": CLASSES}
    sizes |= settings or {"input_size": INPUT}
    model = BiGRUClassifier(cuda_graphs=cuda_graphs, engine="scan", **sizes).double()
    randomise(model.model)
    return model.to(DEVICE)


def batch(seed: int, rows: int = BATCH, tokens: bool = False, time: int = TIME) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (rows,), generator=generator)
    if tokens:
        lengths = torch.randint(1, time + 1, (rows, 1), generator=generator)
        inputs = torch.randint(1, VOCABULARY, (rows, time), generator=generator)
        inputs = inputs * (torch.arange(time) < lengths)
    else:
        inputs = torch.randn(rows, time, INPUT, generator=generator, dtype=torch.float64)
    return Batch(inputs.to(DEVICE), labels.to(DEVICE))


def gradients(model: SequenceClassifier) -> list[Tensor]:
    return [one.grad.clone() for one in model.parameters() if one.grad is not None]


def recorded(model: SequenceClassifier) -> int:
    """How many kinds of batches are recorded."""
    return len(model._graphs._recordings)


class Watched(Recording):
    """A recording that counts its forward passes."""

    launched = 0

    def replay_forward(self, inputs: Any) -> list[Tensor]:
        self.launched += 1
        return super().replay_forward(inputs)


def recording_of(model: SequenceClassifier) -> Watched:
    """The first one."""
    found = next(iter(model._graphs._recordings.values())).recording
    assert isinstance(found, Watched)
    return found


def close(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def around(layer: specs.LayerSpec) -> ModelSpec:
    """A model of one layer and a head."""
    nodes = (
        Node(name="x", layer=specs.Input(shape=(None, INPUT))),
        Node(name="layer", layer=layer),
        Node(name="head", layer=specs.Dense(units=CLASSES, activation="softmax")),
    )
    return ModelSpec(nodes)
