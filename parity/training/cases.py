"""The trainings that the suite compares: every optimiser with every cell, then each setting."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from birnn_lightning.losses import Task
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import Bidirectional, Input, LayerSpec, ModelSpec, Node, Recurrent
from parity.inputs import randomise_weights

# Sizes are distinct primes, so that no shape agrees by chance.
TIME, INPUT_SIZE, HIDDEN_SIZE, VOCAB_SIZE, EMBEDDING_DIM, CLASSES = 11, 3, 5, 23, 3, 7

RATES = {
    "keras_sgd": 0.05,
    "keras_adam": 0.01,
    "keras_adamw": 0.01,
    "keras_rmsprop": 0.003,
    "keras_adagrad": 0.03,
    "keras_adadelta": 1.0,
    "keras_adamax": 0.01,
    "keras_nadam": 0.01,
    "keras_lion": 0.001,
}
"""Every optimiser, with a learning rate at which 100 steps move the weights visibly."""


@dataclass(frozen=True, kw_only=True)
class TrainingCase:
    """A classifier to train in both frameworks.

    Attributes:
        cell: of both recurrent layers.
        optimizer: by the name that `OptimizerConfig` knows.
        tokens: whether an embedding reads tokens, instead of features.
        task: of the head.
        tagging: whether every step has a label.
        num_layers: recurrent layers.
        layer: further settings of the recurrent layers.
        settings: further settings of the classifier.
        called: what is special, in the name.
    """

    cell: specs.CellName = "lstm"
    optimizer: str = "keras_adam"
    tokens: bool = False
    task: Task = "multiclass"
    tagging: bool = False
    num_layers: int = 2
    layer: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    called: str = ""

    @property
    def name(self) -> str:
        """How reports call it."""
        parts = (self.optimizer.removeprefix("keras_"), self.cell, self.called)
        return ", ".join(part for part in parts if part)

    def build(self) -> SequenceClassifier:
        """The classifier, every weight random."""
        settings = {"learning_rate": RATES.get(self.optimizer, 0.01), **self.settings}
        classifier = SequenceClassifier(
            self._spec(), self.task, optimizer=self.optimizer, **settings
        )
        randomise_weights(classifier)
        return classifier

    def _spec(self) -> ModelSpec:
        units = 1 if self.task == "binary" else CLASSES
        activation = {"multiclass": "softmax", "regression": "linear"}.get(self.task, "sigmoid")
        layers: list[LayerSpec] = []
        for _ in range(self.num_layers - 1):
            layers += [self._bidirectional(return_sequences=True), specs.Dropout(rate=0.25)]
        layers.append(self._bidirectional(return_sequences=self.tagging))
        layers.append(specs.Dense(units=units, activation=activation))
        if self.tokens:
            layers.insert(
                0,
                specs.Embedding(vocab_size=VOCAB_SIZE, embedding_dim=EMBEDDING_DIM, mask_zero=True),
            )
            first: LayerSpec = Input(shape=(None,), dtype="int64")
        else:
            first = Input(shape=(TIME, INPUT_SIZE))
        nodes = [Node(name="inputs", layer=first)]
        nodes += [Node(name=f"layer_{index}", layer=layer) for index, layer in enumerate(layers)]
        return ModelSpec(tuple(nodes))

    def _bidirectional(self, return_sequences: bool) -> Bidirectional:
        return Bidirectional(
            forward=Recurrent(
                **{
                    "cell": self.cell,
                    "hidden_size": HIDDEN_SIZE,
                    "dropout": 0.25,
                    "recurrent_dropout": 0.25,
                    "return_sequences": return_sequences,
                    **self.layer,
                }
            )
        )


def table_cases() -> Iterator[TrainingCase]:
    """Every optimiser with every cell."""
    for optimizer in RATES:
        for cell in specs.CELL_NAMES:
            yield TrainingCase(cell=cell, optimizer=optimizer)


def setting_cases() -> Iterator[TrainingCase]:
    """Each setting of optimiser, schedule, loss and layers that training depends on, once."""
    yield from _optimizer_cases()
    yield from _schedule_cases()
    yield from _loss_cases()
    yield from _layer_cases()


def _optimizer_cases() -> Iterator[TrainingCase]:
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "amsgrad": ("keras_adam", {"amsgrad": True}),
        "momentum": ("keras_sgd", {"momentum": 0.9}),
        "nesterov": ("keras_sgd", {"momentum": 0.9, "nesterov": True}),
        "centered, momentum": ("keras_rmsprop", {"centered": True, "momentum": 0.5}),
        "clipnorm": ("keras_adam", {"clipnorm": 0.02}),
        "clipvalue": ("keras_rmsprop", {"clipvalue": 0.005}),
        "global_clipnorm": ("keras_sgd", {"global_clipnorm": 0.05}),
        "accumulation": ("keras_nadam", {"gradient_accumulation_steps": 3}),
        "moving average": ("keras_adam", {"use_ema": True, "ema_overwrite_frequency": 7}),
    }
    for called, (optimizer, options) in settings.items():
        yield TrainingCase(
            cell="gru", optimizer=optimizer, called=called, settings={"optimizer_settings": options}
        )
    yield TrainingCase(
        cell="gru",
        optimizer="keras_adamw",
        called="decay but of biases",
        settings={"weight_decay": 0.05, "exclude_from_weight_decay": ["bias"]},
    )
    for optimizer in ("keras_sgd", "keras_adam", "keras_rmsprop", "keras_adagrad", "keras_adamax"):
        # As Keras on TensorFlow computes them: otherwise its defect B6 is found, as it should be.
        yield TrainingCase(
            cell="gru",
            optimizer=optimizer,
            called="tokens",
            tokens=True,
            settings={"embedding_gradients": "keras_tensorflow"},
        )


def _schedule_cases() -> Iterator[TrainingCase]:
    schedules: dict[str, dict[str, Any]] = {
        "exponential_decay": {"decay_steps": 10, "decay_rate": 0.8, "staircase": True},
        "cosine_decay": {"decay_steps": 40, "alpha": 0.1},
        # With another t_mul a logarithm says when to restart, and rounding decides at that step.
        "cosine_decay_restarts": {"first_decay_steps": 13, "t_mul": 1.0, "m_mul": 0.75},
        "polynomial_decay": {"decay_steps": 30, "power": 2.0},
        "inverse_time_decay": {"decay_steps": 10, "decay_rate": 0.5},
        "piecewise_constant_decay": {"boundaries": [5, 17], "values": [0.05, 0.02, 0.01]},
    }
    for name, options in schedules.items():
        yield TrainingCase(
            cell="rnn",
            optimizer="keras_sgd",
            called=name,
            settings={"learning_rate": 0.05, "schedule": name, "schedule_settings": options},
        )


def _loss_cases() -> Iterator[TrainingCase]:
    tasks: tuple[Task, ...] = ("binary", "multilabel", "regression")
    for task in tasks:
        yield TrainingCase(cell="lstm", task=task, called=task)
    yield TrainingCase(cell="rnn", tagging=True, called="tagging")
    yield TrainingCase(cell="gru", called="label smoothing", settings={"label_smoothing": 0.1})
    weights = [0.5 + index / CLASSES for index in range(CLASSES)]
    yield TrainingCase(cell="gru", called="class weights", settings={"class_weights": weights})


def _layer_cases() -> Iterator[TrainingCase]:
    layers: dict[str, tuple[specs.CellName, dict[str, Any]]] = {
        "reset before": ("gru", {"reset_after": False}),
        "no bias": ("lstm", {"use_bias": False}),
        "relu": ("rnn", {"activation": "relu"}),
        "regularised": (
            "gru",
            {
                "kernel_regularizer": "l2",
                "recurrent_regularizer": "l1",
                "bias_regularizer": specs.L1L2(l1=0.01, l2=0.02),
                "activity_regularizer": "l2",
            },
        ),
        "constrained": (
            "gru",
            {
                "kernel_constraint": "max_norm",
                "recurrent_constraint": "unit_norm",
                "bias_constraint": "non_neg",
            },
        ),
    }
    for called, (cell, layer) in layers.items():
        yield TrainingCase(cell=cell, called=called, layer=layer)
