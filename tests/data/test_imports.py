"""Importing the data modules loads nothing heavy; every public name is there."""

import subprocess
import sys

import birnn_lightning.data as data

HEAVY = ("keras", "tensorflow", "jax", "datasets", "sklearn.datasets", "pyarrow")
SCRIPT = "import sys, {module}; print([name for name in {heavy} if name in sys.modules])"


def loaded_by(module: str) -> str:
    script = SCRIPT.format(module=module, heavy=HEAVY)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_nothing_heavy_is_imported() -> None:
    assert loaded_by("birnn_lightning.data") == "[]"


def test_a_heavy_import_would_be_noticed() -> None:
    assert "pyarrow" in loaded_by("pyarrow")


def test_public_names() -> None:
    assert all(hasattr(data, name) for name in data.__all__)
    assert data.__all__ == sorted(data.__all__)
