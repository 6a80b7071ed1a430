"""Puts compiled kernels into a wheel, for users who have no compiler.

Hatchling runs this for every wheel. ``BIRNN_COMPILE=1`` compiles libraries for each instruction set
of this kind of machine, and tags the wheel for its platform; without it the wheel holds the sources
alone and serves every platform.
"""

import importlib.util
import os
import platform
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FUSED = Path("birnn_lightning", "nn", "engines", "fused")


def load_compilation(root: Path) -> ModuleType:
    """The project's module, which needs the standard library alone; its package needs torch."""
    path = root / FUSED / "compilation.py"
    spec = importlib.util.spec_from_file_location("compilation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class CustomBuildHook(BuildHookInterface):
    """Compiles while a wheel is built; see the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the libraries to the wheel.

        Raises:
            RuntimeError: there is no compiler, or it fails.
        """
        if os.environ.get("BIRNN_COMPILE") != "1" or version == "editable":
            return
        compilation = load_compilation(Path(self.root))
        compiler = compilation.find_compiler()
        if compiler is None:
            raise RuntimeError("BIRNN_COMPILE=1 needs a C compiler. Install one, or set CC.")
        intel = platform.machine().lower() in ("x86_64", "amd64")
        self._folder = tempfile.TemporaryDirectory()
        for target in compilation.INSTRUCTION_SETS.values():
            for precision in compilation.PRECISIONS if intel or target.name == "portable" else ():
                library = Path(self._folder.name) / compilation.library_name(target, precision)
                compilation.compile_library(compiler, target, precision, library)
                place = FUSED / compilation.SHIPPED.name / library.name
                build_data["force_include"][str(library)] = place.as_posix()
        build_data["pure_python"] = False
        tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{tag}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes the libraries, which the wheel now holds."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
