"""Factors that Keras computes in the dtype of a variable are rounded as there."""

from typing import Any

import numpy as np
import torch

Number = type[np.float32] | type[np.float64]


def number(dtype: torch.dtype) -> Number:
    """NumPy's type for factors of parameters of a dtype; float32 for narrower ones."""
    return np.float64 if dtype == torch.float64 else np.float32


def cast(setting: float, kind: Number) -> Any:
    """A setting as Keras on TensorFlow casts it to a variable's dtype: through float32.

    Even a float64 variable then sees 0.9 as 0.8999999761581421. Settings that Keras multiplies
    without a cast of its own keep their digits; the learning rate does too.
    """
    return kind(np.float32(setting))


def power(base: Any, exponent: int, kind: Number) -> Any:
    """A power in the dtype of a variable, rounded once."""
    return kind(float(base) ** exponent)
