"""Tolerances have a reason: float64 tests the semantics, float32 may do what rounding does.

In float64 differences stay under 1e-12 of the scale. In float32 the truth is the same network in
float64, and each framework is bounded by how far the truth itself moves when every weight moves by
a relative unit roundoff, at random: the result is then exact for a network that float32 cannot tell
from the given one, up to a factor for the roundings inside (mixed stability, Higham 2002, section
1.5).
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import SequenceModel
from birnn_lightning.nn.layers import Dense
from birnn_lightning.nn.recurrent import RecurrentLayer

FLOAT64_RELATIVE = 1e-12
UNIT_ROUNDOFF = {"bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
PERTURBATIONS = 16
"""How often: the sensitivity of a saturated network has a heavy tail, which four draws miss."""

INNER_ROUNDINGS = 8.0
"""Roundings of a step's gates and activations, in units of one rounding of its weights."""

SUBTRACTING_ACTIVATIONS = ("elu", "selu")
"""Keras on TensorFlow computes them as ``exp(x) - 1``: near 0 they err by a rounding of 1 (B17)."""

Array = np.ndarray
Predict = Callable[[SequenceClassifier], Array]


def scale_of(truth: np.ndarray) -> float:
    """What a difference is relative to: the largest finite value, at least 1."""
    return max(1.0, _largest(truth))


def float64_bound(truth: np.ndarray) -> float:
    """The largest difference between two float64 computations of the same network."""
    return FLOAT64_RELATIVE * scale_of(truth)


def coarse_bound(truth: np.ndarray) -> float:
    """`float64_bound` where one of the two rounds a constant to float32."""
    return INNER_ROUNDINGS * UNIT_ROUNDOFF["float32"] * scale_of(truth)


def rounding_bound(reference: SequenceClassifier, predict: Predict, truth: np.ndarray) -> float:
    """The largest float32 error that is rounding.

    Args:
        reference: the network in float64; unchanged on return.
        predict: computes a network on the inputs in question.
        truth: ``predict(reference)``.
    """
    unit = UNIT_ROUNDOFF["float32"]
    spread = 0.0
    for _ in perturbed(reference.model, unit):
        with np.errstate(invalid="ignore"):  # equal infinities
            spread = max(spread, _largest(predict(reference) - truth))
    floor = unit * max(_largest(truth), smallest_scale(reference.model))
    return inner_roundings(reference.model) * max(spread, floor)


def rounding_spreads(
    reference: SequenceModel,
    compute: Callable[[SequenceModel], list[Mapping[str, Array]]],
    truth: Sequence[Mapping[str, Array]],
    dtype: str,
) -> list[dict[str, float]]:
    """How far every tensor of every batch moves when the weights move by a rounding, by name.

    Args:
        reference: the network in float64; unchanged on return.
        compute: everything that a network computes, batch by batch.
        truth: ``compute(reference)``.
        dtype: whose roundings are meant.

    Returns:
        The largest move of each tensor, at least one rounding of its largest element, or of 1
        where an activation subtracts 1 (`SUBTRACTING_ACTIVATIONS`). Times
        `inner_roundings` (outputs) or `backward_roundings` (gradients) it bounds an error that is
        rounding.
    """
    unit, smallest = UNIT_ROUNDOFF[dtype], smallest_scale(reference)
    spreads = [
        {name: unit * max(_largest(array), smallest) for name, array in batch.items()}
        for batch in truth
    ]
    for _ in perturbed(reference, unit):
        for spread, batch, exact in zip(spreads, compute(reference), truth, strict=True):
            for name, array in exact.items():
                with np.errstate(invalid="ignore"):  # equal infinities
                    spread[name] = max(spread[name], _largest(batch[name] - array))
    return spreads


def smallest_scale(model: SequenceModel) -> float:
    """What a rounding is at least relative to: 1 with `SUBTRACTING_ACTIVATIONS`, else 0."""
    config = json.dumps(model.spec.to_config())
    subtracts = '"kind": "ELU"' in config or any(
        f'ctivation": "{name}"' in config for name in SUBTRACTING_ACTIVATIONS
    )
    return float(subtracts)


def backward_roundings(model: SequenceModel, steps: int) -> float:
    """How many roundings a gradient is worth: the forward pass's, and as many on the way back.

    Args:
        model: the network.
        steps: batch times time: the terms of the sum that a weight's gradient is.
    """
    return 2 * max(inner_roundings(model), 2 * math.sqrt(steps))


def perturbed(model: torch.nn.Module, unit: float) -> Iterator[None]:
    """Yields `PERTURBATIONS` times with every weight moved by ``unit``; restores them after."""
    generator = torch.Generator().manual_seed(0)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        for _ in range(PERTURBATIONS):
            model.load_state_dict(
                {name: _perturbed(tensor, unit, generator) for name, tensor in weights.items()}
            )
            yield
    finally:
        model.load_state_dict(weights)


def inner_roundings(model: SequenceModel) -> float:
    """How many roundings of its weights a step is worth: `INNER_ROUNDINGS`, or its longest sum.

    Rounded at random, a sum of n terms errs by about sqrt(n) roundings of its partial sums (Higham
    & Mary 2019); twice that is allowed.
    """
    longest = 0
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            for suffix, level, _ in layer.cells():
                weights = layer.weights(suffix, level)
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
