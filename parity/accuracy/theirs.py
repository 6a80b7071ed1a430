"""The same experiment trained by Keras's ``fit``, from Keras's own initial weights."""

import time
from typing import Any

from parity.accuracy.experiment import Arrays, Experiment, Run, accuracy, build_spec
from parity.keras_model import keras, predict
from parity.keras_twin import build_keras_model


def train(experiment: Experiment, arrays: Arrays, seed: int) -> Run:
    """Trains the twin once; no weight is ours.

    Args:
        experiment: the settings.
        arrays: the data.
        seed: of everything random.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = build_keras_model(build_spec(experiment, arrays), "float32")
    uncompiled: Any = False  # compiling takes longer than a training this short
    model.compile(
        optimizer=keras.optimizers.Adam(experiment.learning_rate),
        loss="binary_crossentropy"
        if arrays.task == "binary"
        else "sparse_categorical_crossentropy",
        jit_compile=uncompiled,
    )
    labels = arrays.train_labels
    quiet: Any = 0  # which Keras annotates as str
    started = time.monotonic()
    history = model.fit(
        arrays.train_inputs,
        labels[:, None] if arrays.task == "binary" else labels,
        batch_size=experiment.batch_size,
        epochs=experiment.epochs,
        shuffle=True,
        verbose=quiet,
    )
    seconds = time.monotonic() - started
    return Run(
        seed=seed,
        accuracy=accuracy(predict(model, [arrays.test_inputs]), arrays.test_labels),
        loss=float(history.history["loss"][-1]),
        seconds=seconds,
    )
