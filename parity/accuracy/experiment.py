"""Both frameworks train the same experiment: one spec, one set of arrays, one list of settings."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from birnn_lightning.losses import Task
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from birnn_lightning.optim.config import EmbeddingGradients


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """How every run trains; runs differ in their seed and their framework alone.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        hidden_size: units of each direction.
        embedding_dim: features of a token's vector; without meaning where inputs are features.
        dropout: rate before the recurrent layer's kernels and before the head.
        recurrent_dropout: rate before the recurrent kernels.
        max_pooling: whether the head sees the largest outputs over time, or the final states.
        learning_rate: of Adam, constant.
        batch_size: the last batch of an epoch may be smaller.
        epochs: all of them are trained: nothing stops early.
        embedding_gradients: of our Adam; Keras on TensorFlow does not sum those of a token that
            occurs several times in a batch (defect B6).
    """

    cell: specs.CellName
    hidden_size: int
    embedding_dim: int = 64
    dropout: float
    recurrent_dropout: float
    max_pooling: bool
    learning_rate: float
    batch_size: int
    epochs: int
    embedding_gradients: EmbeddingGradients = "summed"

    def __post_init__(self) -> None:
        """Checks what the spec does not."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate}.")

    def to_config(self) -> dict[str, Any]:
        """The fields as a dict."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """The data, encoded once, from which both frameworks read.

    Attributes:
        train_inputs: tokens ``(n, time)`` int64, or features ``(n, time, feature)`` float32.
        train_labels: ``(n,)`` int64.
        test_inputs: like ``train_inputs``.
        test_labels: ``(m,)`` int64.
        num_classes: 2 makes the task binary.
        vocab_size: of tokens; 0 for features.
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    vocab_size: int = 0

    @property
    def task(self) -> Task:
        """``binary`` or ``multiclass``."""
        return "binary" if self.num_classes == 2 else "multiclass"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training.

    Attributes:
        seed: of the initial weights, the order of the examples and the dropout.
        accuracy: on the test examples, from 0 to 1.
        loss: mean over the examples of the last epoch, in training, dropout included.
        seconds: of the training.
    """

    seed: int
    accuracy: float
    loss: float
    seconds: float


def build_spec(experiment: Experiment, arrays: Arrays) -> ModelSpec:
    """The classifier: a bidirectional layer and a dense head, with dropout wherever it may be."""
    if arrays.vocab_size:
        embedding = specs.Embedding(
            vocab_size=arrays.vocab_size, embedding_dim=experiment.embedding_dim
        )
        nodes = [
            Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64")),
            Node(name="embedding", layer=embedding),
        ]
    else:
        size = arrays.train_inputs.shape[-1]
        nodes = [Node(name="features", layer=specs.Input(shape=(None, size)))]
    recurrent = specs.Recurrent(
        cell=experiment.cell,
        hidden_size=experiment.hidden_size,
        dropout=experiment.dropout,
        recurrent_dropout=experiment.recurrent_dropout,
        return_sequences=experiment.max_pooling,
    )
    head = (
        specs.Dense(units=1, activation="sigmoid")
        if arrays.task == "binary"
        else specs.Dense(units=arrays.num_classes, activation="softmax")
    )
    nodes += [
        Node(name="bidirectional", layer=specs.Bidirectional(forward=recurrent)),
        *[Node(name="pooling", layer=specs.GlobalMaxPooling1D())] * experiment.max_pooling,
        Node(name="dropout", layer=specs.Dropout(rate=experiment.dropout)),
        Node(name="head", layer=head),
    ]
    return ModelSpec(tuple(nodes))


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of examples whose most probable class is theirs.

    Args:
        probabilities: ``(n, 1)`` of class 1, or ``(n, num_classes)``.
        labels: ``(n,)``.
    """
    if probabilities.shape[1] == 1:
        predicted = probabilities[:, 0] > 0.5
    else:
        predicted = probabilities.argmax(axis=1)
    return float((predicted == labels).mean())
