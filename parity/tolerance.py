"""Tolerances have a reason: float64 tests the semantics, float32 may do what rounding does.

In float64 differences stay under 1e-12 of the scale. In float32 the truth is the same network in
float64, and each framework is bounded by how far the truth itself moves when every weight moves by
a relative unit roundoff, at random: the result is then exact for a network that float32 cannot tell
from the given one, up to a factor for the roundings inside (mixed stability, Higham 2002, section
1.5).
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.layers import Dense
from birnn_lightning.nn.recurrent import FORWARD, RecurrentLayer

FLOAT64_RELATIVE = 1e-12
UNIT_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}
PERTURBATIONS = 16
"""How often: the sensitivity of a saturated network has a heavy tail, which four draws miss."""

INNER_ROUNDINGS = 8.0
"""Roundings of a step's gates and activations, in units of one rounding of its weights."""

Predict = Callable[[SequenceClassifier], np.ndarray]


def scale_of(truth: np.ndarray) -> float:
    """What a difference is relative to: the largest finite value, at least 1."""
    return max(1.0, _largest(truth))


def float64_bound(truth: np.ndarray) -> float:
    """The largest difference between two float64 computations of the same network."""
    return FLOAT64_RELATIVE * scale_of(truth)


def rounding_bound(reference: SequenceClassifier, predict: Predict, truth: np.ndarray) -> float:
    """The largest float32 error that is rounding.

    Args:
        reference: the network in float64; unchanged on return.
        predict: computes a network on the inputs in question.
        truth: ``predict(reference)``.
    """
    unit = UNIT_ROUNDOFF["float32"]
    generator = torch.Generator().manual_seed(0)
    weights = {name: tensor.clone() for name, tensor in reference.model.state_dict().items()}
    spread = 0.0
    try:
        for _ in range(PERTURBATIONS):
            reference.model.load_state_dict(
                {name: _perturbed(tensor, unit, generator) for name, tensor in weights.items()}
            )
            with np.errstate(invalid="ignore"):  # equal infinities
                spread = max(spread, _largest(predict(reference) - truth))
    finally:
        reference.model.load_state_dict(weights)
    return inner_roundings(reference) * max(spread, unit * _largest(truth))


def inner_roundings(model: SequenceClassifier) -> float:
    """How many roundings of its weights a step is worth: `INNER_ROUNDINGS`, or its longest sum.

    Rounded at random, a sum of n terms errs by about sqrt(n) roundings of its partial sums (Higham
    & Mary 2019); twice that is allowed.
    """
    longest = 0
    for layer in model.model.layers.values():
        if isinstance(layer, RecurrentLayer):
            weights = layer.weights(FORWARD)
            longest = max(longest, weights.weight_ih.shape[-1] + weights.weight_hh.shape[-1])
        elif isinstance(layer, Dense):
            longest = max(longest, layer.weight.shape[-1])
    return max(INNER_ROUNDINGS, 2 * math.sqrt(longest))


def _largest(array: np.ndarray) -> float:
    """The largest absolute value among the finite ones; an empty row's mean is NaN."""
    return float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))


def _perturbed(tensor: torch.Tensor, unit: float, generator: torch.Generator) -> torch.Tensor:
    """Every element times ``1 + unit`` or ``1 - unit``, at random."""
    signs = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
    return tensor * (1 + unit * signs)
