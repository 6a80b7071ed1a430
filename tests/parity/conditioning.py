"""Whether float64 is precise enough to compare a network at all: chaotic ones magnify roundings.

Monte Carlo arithmetic (Parker 1997): the network runs several times, every operation of it, forward
and backward, disturbed by one rounding at random. How far the results lie apart is how much of them
is rounding, whatever makes it: it sees cancellation inside, where moving the weights does not.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from birnn_lightning.nn import RecurrentLayer, SequenceModel
from parity.inputs import Inputs
from parity.runs import run_ours
from parity.suite.layer_cases import LayerCase
from parity.tolerance import UNIT_ROUNDOFF, float64_bound, inner_roundings

DRAWS = 8


class RandomRounding(TorchDispatchMode):
    """Within, every operation's floating result is off by a relative ``unit`` up or down."""

    def __init__(self, unit: float, seed: int) -> None:
        """Takes the unit roundoff and a seed."""
        super().__init__()
        self.unit = unit
        self.generator = np.random.default_rng(seed)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Calls the operation and disturbs what it computed, if it is no view or constant."""
        result = func(*args, **(kwargs or {}))
        computes = not func.is_view and any(isinstance(one, torch.Tensor) for one in _flat(args))
        if not computes or func._schema.is_mutable:
            return result
        if isinstance(result, torch.Tensor):
            return self._disturbed(result)
        if isinstance(result, tuple):
            return tuple(self._disturbed(one) for one in result)
        return result

    def _disturbed(self, result: Any) -> Any:
        if not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return result
        signs = self.generator.integers(0, 2, tuple(result.shape)) * 2 - 1
        return result * torch.from_numpy(np.asarray(1 + self.unit * signs)).to(result)


def _flat(args: Any) -> list[Any]:
    if isinstance(args, list | tuple):
        return [part for one in args for part in _flat(one)]
    return [args]


def float64_decides(case: LayerCase) -> bool:
    """Whether no number overflows, and roundings move no tensor by more than `float64_bound`.

    Masked steps count as well: Keras computes them and throws them away, but what overflows there
    is NaN in its gradients.
    """
    batches = [case.inputs(batch) for batch in range(case.batches)]
    model = _on_scan(case.build())
    truth = _computed(model, case, batches)
    spreads = [dict.fromkeys(batch, 0.0) for batch in truth]
    for seed in range(DRAWS):
        with RandomRounding(UNIT_ROUNDOFF["float64"], seed):
            found = _computed(model, case, batches)
        for spread, batch, exact in zip(spreads, found, truth, strict=True):
            for name, array in exact.items():
                moved = float(np.abs(batch[name] - array).max(initial=0))
                spread[name] = max(spread[name], math.inf if math.isnan(moved) else moved)
    roundings = inner_roundings(model)
    return not _overflows(model, case, batches) and all(
        roundings * spread[name] <= float64_bound(array)
        for batch, spread in zip(truth, spreads, strict=True)
        for name, array in batch.items()
    )


def _computed(
    model: SequenceModel, case: LayerCase, batches: list[Inputs]
) -> list[Mapping[str, np.ndarray]]:
    """Every output and gradient, batch by batch."""
    model.reset_states()
    runs = [run_ours(model, one, training=case.training, gradients=True) for one in batches]
    return [
        {
            **{f"outputs {name}": array for name, array in run.outputs.items()},
            **{f"gradients {name}": array for name, array in run.gradients.items()},
        }
        for run in runs
    ]


def _on_scan(model: SequenceModel) -> SequenceModel:
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            layer.requested_engine = "scan"
    return model


def _overflows(model: SequenceModel, case: LayerCase, batches: list[Inputs]) -> bool:
    """Whether a number is not finite, or would not be if no step were masked."""
    unmasked = [one._replace(mask=None) for one in batches]
    return any(
        not np.isfinite(array).all()
        for given in ((batches, unmasked) if batches[0].mask is not None else (batches,))
        for batch in _computed(model, case, given)
        for array in batch.values()
    )
