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


def test_no_collection_while_importing(module_name):
    before = gc.get_freeze_count()
    assert import_without_collections(module_name).collected is False
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_what_is_imported_already_freezes_nothing(module_name):
    import_without_collections(module_name)
    frozen = gc.get_freeze_count()
    import_without_collections(module_name)
    assert gc.get_freeze_count() == frozen


def test_who_switched_the_collector_off_keeps_it_off(module_name):
    frozen = gc.get_freeze_count()
    gc.disable()
    try:
        import_without_collections(module_name)
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert gc.get_freeze_count() == frozen


def test_a_module_that_fails_leaves_the_collector_on(module_name, tmp_path):
    (tmp_path / f"{module_name}.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        import_without_collections(module_name)
    assert gc.isenabled()
