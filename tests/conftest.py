"""One thread computes a test; how many random examples there are is a hypothesis profile.

Several threads would wait for each other: the tensors are small. ``pytest
--hypothesis-profile=full`` draws thousands of examples, other ones in every run. Triton interprets
its kernels where there is no GPU; it must know before anything imports it.
"""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# A drawn model is large, and a run of Keras slow: neither says anything about a test.
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile(
    "ci",
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=SLOW,
    print_blob=False,
)
settings.register_profile(
    "full", max_examples=3000, derandomize=False, deadline=None, suppress_health_check=SLOW
)
settings.load_profile("ci")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the tests import is never garbage, and is no longer looked through.

    That takes a tenth of the time of a test that makes much, such as one that traces in TensorFlow.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
