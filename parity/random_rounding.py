"""How much of a result is rounding, whatever makes it: every operation errs by one, at random.

Monte Carlo arithmetic (Parker 1997): the network runs several times, every operation of it, forward
and backward, disturbed by one rounding. How far the results lie apart is how much of them is
rounding. It sees cancellation inside, where moving the weights does not, and costs much more.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

DRAWS = 8

OPERATION_ROUNDINGS = 2.0
"""Roundings that an operation is worth: an elementary function may err by two."""

Array = np.ndarray


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


def operation_spreads(
    compute: Callable[[], Sequence[Mapping[str, Array]]],
    truth: Sequence[Mapping[str, Array]],
    unit: float,
) -> list[dict[str, float]]:
    """How far every tensor of every batch moves when each operation errs by a rounding, by name.

    Args:
        compute: everything that a float64 network computes, batch by batch, on the scan engine.
        truth: ``compute()``.
        unit: the relative error of an operation.

    Returns:
        The largest move of each tensor in `DRAWS` runs; infinite where one became NaN.
    """
    spreads = [dict.fromkeys(batch, 0.0) for batch in truth]
    for seed in range(DRAWS):
        with RandomRounding(unit, seed):
            found = compute()
        for spread, batch, exact in zip(spreads, found, truth, strict=True):
            for name, array in exact.items():
                with np.errstate(invalid="ignore"):  # equal infinities
                    moved = float(np.abs(batch[name] - array).max(initial=0))
                spread[name] = max(spread[name], np.inf if np.isnan(moved) else moved)
    return spreads
