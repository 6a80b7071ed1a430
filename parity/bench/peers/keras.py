"""Keras as its tutorials have it: ``train_on_batch``, ``predict_on_batch`` and ``fit``."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from birnn_lightning.nn.specs import ModelSpec
from parity.bench.configuration import Configuration
from parity.bench.lengths import batch_labels, batch_tokens
from parity.bench.peers.interface import Place
from parity.bench.reviews import Reviews, accuracy, pads_front, reviews_of
from parity.keras_model import float64_kept, keras, write_variables
from parity.keras_twin import build_keras_model
from parity.layout import rows


class KerasPeer:
    """One workload of a compiled model; see `Peer`."""

    note = ""

    def __init__(self, model: keras.Model, configuration: Configuration, trims: bool) -> None:
        """Takes the compiled model, and whether batches may differ in length."""
        workloads = {"train": training, "infer": inference, "epoch": partial(epoch, trims=trims)}
        self._model, self._configuration, self._trims = model, configuration, trims
        self.parameters = sum(int(np.prod(one.shape)) for one in model.trainable_variables)
        self._workload = workloads[configuration.workload](model, configuration)
        self._float64 = configuration.dtype == "float64"

    def run(self) -> list[float]:
        """One repetition."""
        if not self._float64:
            return self._workload()
        with float64_kept():
            return self._workload()

    def accuracy(self) -> float:
        """Of the test reviews."""

        def predict(tokens: np.ndarray) -> np.ndarray:
            return np.asarray(self._model.predict_on_batch(tokens))[:, 0]

        return accuracy(self._configuration, predict, self._trims)


def build(
    configuration: Configuration,
    spec: ModelSpec,
    weights: Mapping[str, np.ndarray],
    place: Place,
    jit: bool,
) -> KerasPeer:
    """The peer of a configuration."""
    keras.backend.clear_session()
    batch_size = configuration.batch if configuration.variant == "stateful" else None
    model = build_keras_model(spec, configuration.dtype, batch_size=batch_size)
    arrays = {row.keras: row.to_keras(*(weights[one] for one in row.torch)) for row in rows(spec)}
    write_variables(model, {name: one.astype(configuration.dtype) for name, one in arrays.items()})
    compiled: Any = jit  # which Keras annotates as str
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", jit_compile=compiled
    )
    # Where a graph is compiled for one shape, another length would compile it anew.
    return KerasPeer(model, configuration, trims=not jit)


def training(model: keras.Model, configuration: Configuration) -> Callable[[], list[float]]:
    """A whole step on one batch."""
    tokens = batch_tokens(configuration)
    labels = batch_labels(configuration)[:, None].astype(configuration.dtype)
    return lambda: [float(model.train_on_batch(tokens, labels))]


def inference(model: keras.Model, configuration: Configuration) -> Callable[[], list[float]]:
    """The probabilities of one batch."""
    tokens = batch_tokens(configuration)
    return lambda: np.asarray(model.predict_on_batch(tokens))[:, 0].tolist()


class ReviewBatches(keras.utils.PyDataset):
    """Batches in a new order every epoch, each as long as its longest review."""

    def __init__(self, reviews: Reviews, batch: int, dtype: str) -> None:
        """Draws the first order."""
        super().__init__()
        self._reviews, self._batch, self._dtype = reviews, batch, dtype
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draws the next order."""
        self._order = np.random.permutation(len(self._reviews.tokens))

    def __len__(self) -> int:
        """How many batches there are, the last one perhaps smaller."""
        return -(-len(self._order) // self._batch)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and labels of a batch."""
        part = self._reviews.take(self._order[index * self._batch :][: self._batch])
        return part.padded(part.longest, front=False), part.labels[:, None].astype(self._dtype)


def epoch(
    model: keras.Model, configuration: Configuration, trims: bool
) -> Callable[[], list[float]]:
    """All reviews once, padded to one length beforehand, or batch by batch."""
    reviews, front = reviews_of(configuration), pads_front(configuration)
    arguments: dict[str, Any] = {"verbose": 0}  # which Keras annotates as str
    if trims and not front:
        arguments["x"] = ReviewBatches(reviews, configuration.batch, configuration.dtype)
    else:
        arguments |= {
            "x": reviews.padded(configuration.time, front),
            "y": reviews.labels[:, None].astype(configuration.dtype),
            "batch_size": configuration.batch,
            "shuffle": True,
        }

    def one_epoch() -> list[float]:
        history = model.fit(**arguments)
        return [float(history.history["loss"][-1])]

    return one_epoch
