"""Importing the library loads no framework but its own: seen in fresh processes."""

import json
import subprocess
import sys
from pathlib import Path
from pkgutil import walk_packages

import pytest

import birnn_lightning

OTHER_FRAMEWORKS = ["jax", "keras", "tensorflow"]
LOADED = "import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
MODULES = [
    "birnn_lightning",
    *(
        module.name
        for module in walk_packages(birnn_lightning.__path__, "birnn_lightning.")
        if not module.name.endswith("__main__")
    ),
]


def loaded_by(*statements: str) -> set[str]:
    """The modules that a fresh process has loaded after these statements."""
    script = LOADED.format(statement="\n".join(statements))
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout.splitlines()[-1]))


def unwanted(loaded: set[str], *names: str) -> list[str]:
    return [name for name in names if name in loaded]


def test_the_walk_finds_the_library() -> None:
    assert {
        "birnn_lightning.cli.training",
        "birnn_lightning.data.text",
        "birnn_lightning.nn.engines.native",
        "birnn_lightning.presets",
    } <= set(MODULES)


@pytest.mark.slow
def test_no_module_of_the_library_imports_another_framework() -> None:
    loaded = loaded_by(*(f"import {name}" for name in MODULES))
    assert set(MODULES) <= loaded
    assert unwanted(loaded, *OTHER_FRAMEWORKS) == []


def test_the_network_needs_torch_alone() -> None:
    loaded = loaded_by("import birnn_lightning.nn")
    names = ["lightning", "lightning_fabric", "pytorch_lightning", "torchmetrics", "sklearn"]
    assert unwanted(loaded, *names, *OTHER_FRAMEWORKS) == []
    assert "torch" in loaded


def test_the_package_alone_imports_nothing() -> None:
    loaded = loaded_by("import birnn_lightning")
    assert unwanted(loaded, "torch", "lightning", "numpy", *OTHER_FRAMEWORKS) == []


def test_parity_alone_imports_no_framework() -> None:
    loaded = loaded_by("import parity")
    assert unwanted(loaded, "torch", "h5py", *OTHER_FRAMEWORKS) == []


@pytest.mark.parametrize("framework", OTHER_FRAMEWORKS)
def test_the_check_can_fail(framework: str, tmp_path: Path) -> None:
    """Modules that stand for the framework and for one that uses it: the real ones load slowly."""
    (tmp_path / f"{framework}.py").write_text("")
    (tmp_path / "plugin.py").write_text(f"def load():\n    import {framework}\n\nload()\n")
    path = f"sys.path.insert(0, {str(tmp_path)!r})"
    assert unwanted(loaded_by(path, "import plugin"), *OTHER_FRAMEWORKS) == [framework]
    assert unwanted(loaded_by(path, "import birnn_lightning"), *OTHER_FRAMEWORKS) == []


def test_every_public_name_is_there() -> None:
    assert all(getattr(birnn_lightning, name) is not None for name in birnn_lightning.__all__)
    assert sorted(birnn_lightning.__all__) == birnn_lightning.__all__


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(
        AttributeError, match="'birnn_lightning' has no attribute 'BiLTSMClassifier'"
    ):
        birnn_lightning.BiLTSMClassifier  # type: ignore[attr-defined]  # noqa: B018
