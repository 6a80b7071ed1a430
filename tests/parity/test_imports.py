"""Importing the package loads neither framework, and its functions stay functions."""

import subprocess
import sys

import pytest

import parity

FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")
SCRIPT = "import sys, {imports}; print([name for name in {names} if name in sys.modules])"


def loaded_by(*imports, names=FRAMEWORKS):
    script = SCRIPT.format(imports=", ".join(imports), names=names)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_package_loads_neither_framework():
    assert loaded_by("parity", "parity.results", "parity.__main__", "parity.report") == "[]"


def test_a_module_that_is_loaded_would_be_noticed():
    assert loaded_by("numpy", names=("numpy", "keras")) == "['numpy']"


def test_public_names():
    assert all(hasattr(parity, name) for name in parity.__all__)
    assert parity.__all__ == sorted(parity.__all__)
    with pytest.raises(AttributeError, match="'parity' has no attribute 'comparer'"):
        _ = parity.comparer  # type: ignore[attr-defined]


def test_all_but_the_keras_models_needs_no_keras_and_takes_no_public_name():
    """`parity.assert_parity`, used first, must leave `parity.compare` the function."""
    modules = ("layout", "keras_config.table", "convert", "comparison", "check", "suite.trial")
    script = (
        "import sys, parity, " + ", ".join(f"parity.{name}" for name in modules) + "; "
        "parity.assert_parity; "
        "print(all(callable(getattr(parity, name)) for name in parity.__all__), "
        "[name for name in ('keras', 'tensorflow', 'jax') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True []\n"
