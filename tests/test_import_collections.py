"""Importing without looking for cyclic garbage."""

import gc
import sys

import pytest

from birnn_lightning.imports import import_without_collections


@pytest.fixture
def module_name(tmp_path, monkeypatch):
    """A module that says whether the collector ran while it was imported."""
    name = "imported_once"
    (tmp_path / f"{name}.py").write_text("import gc\n\ncollected = gc.isenabled()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def freezes(monkeypatch):
    """Whether the collector was on at each freeze; nothing of the tests is frozen."""
    found = []
    monkeypatch.setattr(gc, "freeze", lambda: found.append(gc.isenabled()))
    return found


def test_no_collection_while_importing(module_name, freezes):
    assert import_without_collections(module_name).collected is False
    assert gc.isenabled()
    assert freezes == [False]


def test_what_is_imported_already_freezes_nothing(module_name, freezes):
    first = import_without_collections(module_name)
    assert import_without_collections(module_name) is first
    assert len(freezes) == 1


def test_who_switched_the_collector_off_keeps_it_off(module_name, freezes):
    gc.disable()
    try:
        import_without_collections(module_name)
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert not freezes


def test_a_module_that_fails_leaves_the_collector_on(module_name, freezes, tmp_path):
    (tmp_path / f"{module_name}.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        import_without_collections(module_name)
    assert gc.isenabled()
    assert freezes == [False]
