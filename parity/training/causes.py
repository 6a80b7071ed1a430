"""Why trainings that should agree do not: the known causes, each of which can be switched off.

A cause is named only where switching it off makes the trajectories agree.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import RecurrentLayer
from birnn_lightning.nn.cells import cell_of
from parity.convert import load_torch_arrays
from parity.layout import rows, torch_arrays
from parity.training.comparison import Comparison
from parity.training.experiment import Experiment, Recorded
from parity.training.trajectory import TrainingBatch

if TYPE_CHECKING:
    from parity.training.theirs import KerasTraining

MARGIN = 5
"""How many steps beyond the first difference a healed experiment has to agree."""


@dataclass(frozen=True)
class Cause:
    """A way in which trainings of the same model part.

    Attributes:
        name: in reports.
        reason: what happens, in a sentence or two.
        shows_in: the kinds of `trajectory.KINDS` that it makes differ first.
        switched_off: the experiment without it; None where it cannot be the cause.
    """

    name: str
    reason: str
    shows_in: tuple[str, ...]
    switched_off: Callable[[Experiment], Experiment | None]


def explain(
    experiment: Experiment,
    batches: Sequence[TrainingBatch],
    found: Comparison,
    theirs: "KerasTraining",
) -> str:
    """Which known causes a difference has, and how large it is without each.

    Args:
        experiment: whose trajectories differ.
        batches: of all steps.
        found: the comparison that saw it.
        theirs: Keras's training in it; trained again from its start.
    """
    assert found.first is not None
    kind, first = found.first
    some = batches[: first.step + MARGIN]
    theirs.restart()
    keras = {experiment.drops: Recorded(theirs)}
    if experiment.drops:
        keras[False] = Recorded(replace(experiment, drops=False).keras_training("float64"))

    def without(causes: Sequence[Cause]) -> Comparison:
        healed = _without(experiment, causes)
        return healed.compare(some, theirs=keras[healed.drops])

    possible = _possible(experiment)
    for cause in sorted(possible, key=lambda cause: kind not in cause.shows_in):
        healed = without([cause])
        if healed.first is None:
            return f"Cause: {cause.name}. {cause.reason} {_part(found, healed)}"
    if without(possible).first is not None:
        return "None of the known causes explains it."
    needed = [
        cause
        for cause in possible
        if without([one for one in possible if one is not cause]).first is not None
    ]
    return " ".join(
        ["Several causes together:", *(f"{cause.name}. {cause.reason}" for cause in needed)]
    )


def _possible(experiment: Experiment) -> list[Cause]:
    """The causes that can be switched off, one after the other."""
    found = []
    for cause in CAUSES:
        without = cause.switched_off(experiment)
        if without is not None:
            experiment = without
            found.append(cause)
    return found


def _without(experiment: Experiment, causes: Sequence[Cause]) -> Experiment:
    for cause in causes:
        experiment = cause.switched_off(experiment) or experiment
    return experiment


def _part(found: Comparison, healed: Comparison) -> str:
    """How much of the difference the cause makes."""
    assert found.first is not None
    kind, first = found.first
    left = max((one.difference for one in healed.nearest.values()), default=0.0)
    return (
        f"Without it nothing differs by more than {left:.2g} in the first {healed.steps} steps; "
        f"with it {kind if kind != 'loss' else 'the loss'} by {first.difference:.2g}."
    )


def _same_start(experiment: Experiment) -> Experiment | None:
    table = rows(experiment.start.spec)
    copy = deepcopy(experiment.model)
    load_torch_arrays(copy, torch_arrays(table, experiment.start.arrays))
    return replace(experiment, model=copy)


def _one_bias(experiment: Experiment) -> Experiment | None:
    copy, found = deepcopy(experiment.model), False
    for module in copy.modules():
        if not isinstance(module, RecurrentLayer):
            continue
        for suffix, level, cell in module.cells():
            name = f"bias_hh_l{level}{suffix}"
            second = module._parameters.get(name)
            if second is not None and not cell_of(cell).trains_bias_hh:
                with torch.no_grad():
                    getattr(module, f"bias_ih_l{level}{suffix}").add_(second)
                del module._parameters[name]
                module.register_buffer(name, torch.zeros_like(second))
                found = True
    return replace(experiment, model=copy) if found else None


def _keras_rates(experiment: Experiment) -> Experiment | None:
    return replace(experiment, keras_rates=True)


def _nothing_dropped(experiment: Experiment) -> Experiment | None:
    return replace(experiment, drops=False)


def _loss_from_logits(experiment: Experiment) -> Experiment | None:
    if experiment.model.loss_from == "logits":
        return None
    copy = deepcopy(experiment.model)
    copy.loss_from = "logits"
    return replace(experiment, model=copy)


def _unsummed_embedding_gradients(experiment: Experiment) -> Experiment | None:
    config = experiment.model.optimizer_config
    if config.embedding_gradients != "summed" or not config.optimizer.startswith("keras_"):
        return None
    return _with_optimizer(experiment, embedding_gradients="keras_tensorflow")


def _keras_optimizer(experiment: Experiment) -> Experiment | None:
    from parity.training.keras_optimizers import our_settings

    config = experiment.model.optimizer_config
    if config.optimizer.startswith("keras_"):
        return None
    found = our_settings(experiment.start, experiment.model)
    return None if found is None else _with_optimizer(experiment, **found)


def _same_optimizer(experiment: Experiment) -> Experiment | None:
    from parity.training.keras_optimizers import our_settings

    config = experiment.model.optimizer_config
    if not config.optimizer.startswith("keras_"):
        return None
    found = our_settings(experiment.start, experiment.model)
    return None if found is None else _with_optimizer(experiment, **found)


def _with_optimizer(experiment: Experiment, **changes: object) -> Experiment:
    copy: SequenceClassifier = deepcopy(experiment.model)
    copy.optimizer_config = replace(copy.optimizer_config, **changes)  # type: ignore[arg-type]
    return replace(experiment, model=copy)


CAUSES = (
    Cause(
        "initial weights",
        "The two start from different weights: initialisers differ (torch.nn draws from "
        "U(-1/sqrt(h), 1/sqrt(h)), Keras from Glorot's and orthogonal ones). Copy the weights, or "
        "initialise as Keras does.",
        ("weights",),
        _same_start,
    ),
    Cause(
        "two biases",
        "Here bias_ih and bias_hh are both trained: their sum moves twice as fast as Keras's one "
        "bias.",
        ("gradients", "states", "weights"),
        _one_bias,
    ),
    Cause(
        "learning-rate schedule",
        "The rates of the steps differ. Use Keras's schedule by name, which counts optimiser steps "
        "from 0.",
        ("states", "weights"),
        _keras_rates,
    ),
    Cause(
        "loss of probabilities",
        "Here the loss clips probabilities, and Keras on TensorFlow computes it from the logits. "
        "Set loss_from='logits'.",
        ("loss", "gradients"),
        _loss_from_logits,
    ),
    Cause(
        "epsilon of the optimiser",
        "torch's optimiser and Keras's of the same name are not the same function: Adam's epsilon, "
        "for one, is added after the bias correction here and before it in Keras. Use the "
        "optimiser whose name begins with keras_.",
        ("states", "weights"),
        _keras_optimizer,
    ),
    Cause(
        "settings of the optimiser",
        "The Keras model is compiled with another optimiser, or with other settings of it.",
        ("states", "weights"),
        _same_optimizer,
    ),
    Cause(
        "embedding gradients",
        "Keras on TensorFlow squares the gradient of every token by itself (its defect B6), here "
        "the tokens' gradients are summed first. Set embedding_gradients='keras_tensorflow' to "
        "reproduce it.",
        ("states", "weights"),
        _unsummed_embedding_gradients,
    ),
    Cause(
        "dropout",
        "The two drop different elements: Keras draws one mask a sequence for all of its steps.",
        ("loss", "gradients"),
        _nothing_dropped,
    ),
)
"""The known ones."""
