"""Both packages carry what is no Python: the marker of types, and the sources of the CPU kernel."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import pytest

KERNEL = files("birnn_lightning") / "nn" / "engines" / "fused" / "kernel"
INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


def included(source: Traversable) -> set[str]:
    """The names of a source and of all that it includes, those that are missing too."""
    found: set[str] = set()
    waiting = [source.name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            one = KERNEL / name
            waiting += INCLUDE.findall(one.read_text()) if one.is_file() else []
    return found


@pytest.mark.parametrize("package", ["birnn_lightning", "parity"])
def test_type_checkers_may_read_the_annotations(package: str) -> None:
    assert (files(package) / "py.typed").is_file()


def test_the_kernel_has_all_that_it_includes_and_no_more() -> None:
    assert included(KERNEL / "kernel.c") == {one.name for one in KERNEL.iterdir()}
