"""Each known cause of divergence switched on alone: the check has to fail and to name it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import Masked, RecurrentLayer
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.noise import dropout_factor
from birnn_lightning.nn.specs import Bidirectional
from parity.report.terminal import aligned
from parity.training.batches import random_batches
from parity.training.cases import TrainingCase

STEPS = 12
"""How long each is trained."""


@dataclass(frozen=True, kw_only=True)
class TrainingMutant:
    """A cause, and our classifier made to have it.

    Attributes:
        cause: its name in `parity.training.causes.CAUSES`.
        change: what is computed instead.
        case: which training.
        mutated: our classifier with the cause.
        saturated: whether the head's weights are so large that probabilities round to 0 and 1.
    """

    cause: str
    change: str
    case: TrainingCase
    mutated: Callable[[SequenceClassifier], SequenceClassifier]
    saturated: bool = False


@dataclass(frozen=True)
class CauseFound:
    """What the check said to a mutant.

    Attributes:
        mutant: which.
        sound: whether the training without it agrees.
        detail: of the first failure with it; empty where there was none.
    """

    mutant: TrainingMutant
    sound: bool
    detail: str

    @property
    def named(self) -> bool:
        """Whether the check fails with the mutant alone, and names it alone."""
        return self.sound and f"Cause: {self.mutant.cause}." in self.detail


def run_training_mutant(mutant: TrainingMutant) -> CauseFound:
    """Compares a training with and without a cause."""
    from parity.convert import to_keras
    from parity.training.check import compare_training
    from parity.training.keras_optimizers import compile_like

    sound = mutant.case.build()
    if mutant.saturated:
        with torch.no_grad():
            next(reversed(sound.model.layers.values())).weight.mul_(100)  # type: ignore[operator]
    twin = to_keras(sound)
    compile_like(twin, sound)
    batches = random_batches(sound, STEPS)
    without = compare_training(sound, twin, batches, dtypes=()).report
    mistaken = compare_training(mutant.mutated(deepcopy(sound)), twin, batches, dtypes=()).report
    detail = mistaken.failures[0].detail if mistaken.failures else ""
    return CauseFound(mutant, without.passed, detail)


def causes_table(found: Sequence[CauseFound]) -> str:
    """A line a cause: what was changed and whether the check named it."""
    lines = [("cause", "change", "named")]
    lines += [(one.mutant.cause, one.mutant.change, "yes" if one.named else "NO") for one in found]
    count = sum(one.named for one in found)
    return "\n".join((*aligned(lines, numbers=0), "", f"{len(found)} causes, {count} named"))


def _torch_weights(model: SequenceClassifier) -> SequenceClassifier:
    generator = torch.Generator().manual_seed(1)
    for layer in model.recurrent_layers.values():
        for suffix, level, cell in layer.cells():
            bound = cell.hidden_size**-0.5
            for tensor in layer.weights(suffix, level):
                if isinstance(tensor, nn.Parameter):
                    with torch.no_grad():
                        tensor.uniform_(-bound, bound, generator=generator)
    return model


def _two_biases(model: SequenceClassifier) -> SequenceClassifier:
    for layer in model.recurrent_layers.values():
        for name, zeros in list(layer.named_buffers()):
            delattr(layer, name)
            layer.register_parameter(name, nn.Parameter(zeros.clone()))
    return model


def _other(**changes: Any) -> Callable[[SequenceClassifier], SequenceClassifier]:
    def mutated(model: SequenceClassifier) -> SequenceClassifier:
        model.optimizer_config = replace(model.optimizer_config, **changes)
        return model

    return mutated


def _clipped_loss(model: SequenceClassifier) -> SequenceClassifier:
    model.loss_from = "probabilities"
    return model


def _elementwise_dropout(model: SequenceClassifier) -> SequenceClassifier:
    """Every recurrent layer drops elements of its inputs, other ones at every step, as torch's."""
    for name, layer in model.recurrent_layers.items():
        assert isinstance(layer.spec, Bidirectional)
        rate = layer.spec.forward.cells[0].dropout
        plain = replace(layer.spec.forward, dropout=0.0, recurrent_dropout=0.0)  # type: ignore[call-arg]
        size = next(layer.parameters()).shape[1]
        other = build_layer(Bidirectional(forward=plain), (None, size))
        other.load_state_dict(layer.state_dict())
        other.register_forward_pre_hook(_dropping(rate))
        model.model.layers[name] = other.to(next(layer.parameters()).dtype)
    return model


def _dropping(rate: float) -> Callable[..., Any]:
    def hook(layer: RecurrentLayer, given: tuple[Masked, ...]) -> tuple[Masked, ...]:
        first, *rest = given
        values = first.values
        factor = dropout_factor(layer.noise, "elements", tuple(values.shape), rate, values)
        return (first._replace(values=values * factor if layer.training else values), *rest)

    return hook


TRAINING_MUTANTS = (
    TrainingMutant(
        cause="initial weights",
        change="recurrent layers start as torch.nn's do",
        case=TrainingCase(cell="lstm", num_layers=1),
        mutated=_torch_weights,
    ),
    TrainingMutant(
        cause="two biases",
        change="bias_hh is trained besides bias_ih",
        case=TrainingCase(cell="lstm", num_layers=1),
        mutated=_two_biases,
    ),
    TrainingMutant(
        cause="learning-rate schedule",
        change="the rate falls continuously instead of in steps",
        case=TrainingCase(
            cell="rnn",
            num_layers=1,
            optimizer="keras_sgd",
            settings={
                "schedule": "exponential_decay",
                "schedule_settings": {"decay_steps": 5, "decay_rate": 0.5, "staircase": True},
            },
        ),
        mutated=_other(schedule_settings={"decay_steps": 5, "decay_rate": 0.5}),
    ),
    TrainingMutant(
        cause="loss of probabilities",
        change="the loss clips probabilities to [1e-7, 1 - 1e-7]",
        case=TrainingCase(cell="gru", task="binary", num_layers=1),
        mutated=_clipped_loss,
        saturated=True,
    ),
    TrainingMutant(
        cause="epsilon of the optimiser",
        change="torch.optim.Adam(eps=1e-7)",
        case=TrainingCase(cell="gru", num_layers=1),
        mutated=_other(optimizer="adam", optimizer_settings={"eps": 1e-7}),
    ),
    TrainingMutant(
        cause="settings of the optimiser",
        change="beta_2 is 0.99 instead of 0.999",
        case=TrainingCase(cell="gru", num_layers=1),
        mutated=_other(optimizer_settings={"beta_2": 0.99}),
    ),
    TrainingMutant(
        cause="embedding gradients",
        change="gradients of one token are summed before they are squared",
        case=TrainingCase(
            cell="gru",
            num_layers=1,
            tokens=True,
            settings={"embedding_gradients": "keras_tensorflow"},
        ),
        mutated=_other(embedding_gradients="summed"),
    ),
    TrainingMutant(
        cause="dropout",
        change="recurrent layers drop other elements of their inputs at every step",
        case=TrainingCase(cell="lstm", num_layers=1, layer={"recurrent_dropout": 0.0}),
        mutated=_elementwise_dropout,
    ),
)
"""One a cause."""
