"""Inputs, and a twin that is a little off, for tests of comparisons."""

import numpy as np


def features(batch=5, time=11, seed=3):
    return np.random.default_rng(seed).standard_normal((batch, time, 3)).astype("float32")


def shifted(twin, by=1e-3):
    """The last bias of a twin moved."""
    twin.layers[-1].bias.assign_add([by] + [0.0] * (twin.output_shape[-1] - 1))
