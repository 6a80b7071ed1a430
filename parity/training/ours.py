"""A classifier trains step by step as the Trainer trains it, and shows everything."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from birnn_lightning.data.batch import Batch
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.optim.keras import KerasOptimizer
from parity.layout import Row, rows
from parity.results import ParityUnavailable
from parity.runs import share_noise, shared_noise, to_array
from parity.training.trajectory import Array, Noise, Step, TrainingBatch


class OurTraining:
    """A classifier under its own optimiser and schedule.

    Args:
        model: trained in place.
        noise: draws what dropout drops.

    Raises:
        ParityUnavailable: the schedule does not go by steps.
    """

    def __init__(self, model: SequenceClassifier, noise: Noise = shared_noise) -> None:
        """Makes the optimiser as the Trainer would."""
        self.model, self.noise = model.train(), noise
        self.optimizer = model.build_optimizer(fused=True)
        schedule = model.optimizer_config.build_schedule(self.optimizer, _no_end)
        if schedule and schedule["interval"] != "step":
            raise ParityUnavailable(
                f"schedule {model.optimizer_config.schedule!r} goes by epochs or by what is "
                "validated; a comparison of steps needs one that goes by steps."
            )
        self.scheduler = schedule["scheduler"] if schedule else None
        self.table = rows(model.spec)
        self.names: dict[Tensor, str] = {
            parameter: name for name, parameter in model.model.named_parameters()
        }

    def weights(self) -> dict[str, Array]:
        """Every weight by Keras path."""
        return _as_keras(self.table, dict(self.model.model.state_dict()))

    def step(self, batch: TrainingBatch, number: int, rate: float | None = None) -> Step:
        """Trains on a batch."""
        share_noise(self.model.model, lambda name, key, shape: self.noise(name, key, shape, number))
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr"] if rate is None else rate
        used: float = self.optimizer.param_groups[0]["lr"]
        self.optimizer.zero_grad()
        loss = self.model.loss(self._batch(batch))
        loss.backward()
        gradients = {name: _dense(parameter) for parameter, name in self.names.items()}
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        return Step(
            learning_rate=used,
            loss={"loss": to_array(loss)},
            gradients=_as_keras(self._trained_rows(), gradients),
            states=self._states(),
            weights=self.weights(),
        )

    def _batch(self, batch: TrainingBatch) -> Batch:
        like = next(self.model.parameters())

        def tensor(array: Array) -> Tensor:
            found = torch.from_numpy(array)
            return found.to(like.dtype) if found.is_floating_point() else found

        arrays = [tensor(array) for array in batch.arrays]
        return Batch(
            arrays[0] if len(arrays) == 1 else arrays,  # type: ignore[arg-type]
            tensor(batch.labels),
            None if batch.mask is None else tensor(batch.mask),
            None if batch.sample_weights is None else tensor(batch.sample_weights),
        )

    def _trained_rows(self) -> tuple[Row, ...]:
        trained = set(self.names.values())
        return tuple(row for row in self.table if trained & set(row.torch))

    def _states(self) -> dict[str, Array]:
        """What a Keras optimiser keeps for each weight, by ``<state>/<Keras path>``.

        Torch's optimisers keep other things, which compare with nothing.
        """
        if not isinstance(self.optimizer, KerasOptimizer):
            return {}
        by_state: dict[str, dict[str, Tensor]] = {}
        for parameter, states in self.optimizer.state.items():
            for state, value in states.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape and value.dim():
                    by_state.setdefault(state, {})[self.names[parameter]] = value
        return {
            f"{state}/{path}": array
            for state, tensors in by_state.items()
            for path, array in _as_keras(self._trained_rows(), tensors).items()
        }


def _no_end() -> tuple[float, float]:
    """The steps of the training and of an epoch, which a comparison does not have."""
    return math.inf, math.inf


def _dense(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        return torch.zeros_like(parameter)
    return parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad


def _as_keras(table: tuple[Row, ...], tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Arrays by Keras path; zeros where torch has no tensor of its own."""
    arrays = {name: to_array(tensor) for name, tensor in tensors.items()}
    found = {}
    for row in table:
        known = next((arrays[name] for name in row.torch if name in arrays), None)
        if known is not None:
            found[row.keras] = row.to_keras(
                *(arrays.get(name, np.zeros_like(known)) for name in row.torch)
            )
    return found
