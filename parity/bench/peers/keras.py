"""Keras as its tutorials have it: ``train_on_batch``, ``predict_on_batch`` and ``fit``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from birnn_lightning.nn.specs import ModelSpec
from parity.bench.configuration import Configuration
from parity.bench.lengths import batch_labels, batch_tokens
from parity.bench.peers.interface import Place
from parity.bench.reviews import reviews_of
from parity.keras_model import float64_kept, keras, write_variables
from parity.keras_twin import build_keras_model
from parity.layout import rows


class KerasPeer:
    """One workload of a compiled model; see `Peer`."""

    note = ""

    def __init__(self, model: keras.Model, workload: Callable[[], Any], float64: bool) -> None:
        """Takes the compiled model and what one repetition calls."""
        self.parameters = sum(int(np.prod(one.shape)) for one in model.trainable_variables)
        self._workload, self._float64 = workload, float64

    def run(self) -> list[float]:
        """One repetition."""
        if not self._float64:
            return self._workload()
        with float64_kept():
            return self._workload()


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
    workload = {"train": training, "infer": inference, "epoch": epoch}[configuration.workload]
    return KerasPeer(model, workload(model, configuration), configuration.dtype == "float64")


def training(model: keras.Model, configuration: Configuration) -> Callable[[], list[float]]:
    """A whole step on one batch."""
    tokens = batch_tokens(configuration)
    labels = batch_labels(configuration)[:, None].astype(configuration.dtype)
    return lambda: [float(model.train_on_batch(tokens, labels))]


def inference(model: keras.Model, configuration: Configuration) -> Callable[[], list[float]]:
    """The probabilities of one batch."""
    tokens = batch_tokens(configuration)
    return lambda: np.asarray(model.predict_on_batch(tokens))[:, 0].tolist()


def epoch(model: keras.Model, configuration: Configuration) -> Callable[[], list[float]]:
    """All reviews once, padded to one length beforehand."""
    reviews = reviews_of(configuration)
    tokens = reviews.padded(configuration.time, front=configuration.mask != "ragged")
    labels = reviews.labels[:, None].astype(configuration.dtype)
    quiet: Any = 0  # which Keras annotates as str

    def one_epoch() -> list[float]:
        history = model.fit(
            tokens, labels, batch_size=configuration.batch, shuffle=True, verbose=quiet
        )
        return [float(history.history["loss"][-1])]

    return one_epoch
