"""One thread computes a test: its tensors are so small that several would wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
